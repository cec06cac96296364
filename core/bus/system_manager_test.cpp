// SPDX-License-Identifier: Apache-2.0
// SystemdManager against a fake org.freedesktop.systemd1 on a private bus.
#include "core/bus/system_manager.hpp"

#include "core/base/fd.hpp"
#include "core/bus/manager_signals.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <systemd/sd-bus.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

namespace {
using namespace plimsoll;
using testing::HasSubstr;

// ---- the fake, in a process of its own ----

struct FakeUnit {
    std::string name;
    std::string load{"loaded"};
    std::string active{"inactive"};
    std::string result{"done"};  // of its next job; empty: the job never ends
};

struct Job {
    std::string path;
    std::string unit;
    std::string result;
};

struct Fake {
    std::vector<FakeUnit> units{{"ok.service"},
                                {"fails.service", "loaded", "inactive", "failed"},
                                {"dependency.service", "loaded", "inactive", "dependency"},
                                {"canceled.service", "loaded", "inactive", "canceled"},
                                {"stuck.service", "loaded", "inactive", ""},
                                {"instant.service"},
                                {"masked.service", "masked"},
                                {"missing.service", "not-found"},
                                {"user@1000.service"},
                                {"user-runtime-dir@1000.service"},
                                {"user@1001.service"},
                                {"user-runtime-dir@1001.service"},
                                {"user@1002.service", "loaded", "inactive", "failed"}};
    std::vector<Job> jobs{};
    int next_job{1};
    bool subscribed{false};

    FakeUnit* find(const std::string& name) {
        for (auto& u : units)
            if (u.name == name)
                return &u;
        return nullptr;
    }
};

constexpr const char* unit_prefix = "/org/freedesktop/systemd1/unit";

std::string path_of(const std::string& unit) {
    char* path = nullptr;
    sd_bus_path_encode(unit_prefix, unit.c_str(), &path);
    std::string out = path;
    std::free(path);
    return out;
}

int load_unit(sd_bus_message* m, void* data, sd_bus_error* error) {
    const char* name = nullptr;
    sd_bus_message_read(m, "s", &name);
    if (static_cast<Fake*>(data)->find(name) == nullptr)
        return sd_bus_error_set(error, "org.freedesktop.DBus.Error.InvalidArgs", "not a unit name");
    return sd_bus_reply_method_return(m, "o", path_of(name).c_str());
}

void announce(sd_bus* bus, const Job& job) {
    sd_bus_emit_signal(bus, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved",
                       "uoss", 1U, job.path.c_str(), job.unit.c_str(), job.result.c_str());
}

int run_job(sd_bus_message* m, Fake& fake, const std::string& state, sd_bus_error* error) {
    const char* name = nullptr;
    const char* mode = nullptr;
    sd_bus_message_read(m, "ss", &name, &mode);
    FakeUnit* unit = fake.find(name);
    if (unit == nullptr || unit->load == "not-found")
        return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "Unit not found.");
    if (unit->load == "masked")
        return sd_bus_error_set(error, "org.freedesktop.systemd1.UnitMasked", "Unit is masked.");
    const Job job{"/org/freedesktop/systemd1/job/" + std::to_string(fake.next_job++), name, unit->result};
    if (job.result == "done")
        unit->active = state;
    // The signal may come before the reply that says which job it is about.
    if (unit->name == "instant.service" && fake.subscribed)
        announce(sd_bus_message_get_bus(m), job);
    else if (!job.result.empty())
        fake.jobs.push_back(job);
    return sd_bus_reply_method_return(m, "o", job.path.c_str());
}

int start_unit(sd_bus_message* m, void* data, sd_bus_error* error) {
    return run_job(m, *static_cast<Fake*>(data), "active", error);
}

int stop_unit(sd_bus_message* m, void* data, sd_bus_error* error) {
    return run_job(m, *static_cast<Fake*>(data), "inactive", error);
}

int subscribe(sd_bus_message* m, void* data, sd_bus_error*) {
    static_cast<Fake*>(data)->subscribed = true;
    return sd_bus_reply_method_return(m, "");
}

int reload(sd_bus_message* m, void*, sd_bus_error*) {
    return sd_bus_reply_method_return(m, "");
}

int unit_property(sd_bus*, const char* path, const char*, const char* property, sd_bus_message* reply,
                  void* data, sd_bus_error*) {
    for (const auto& u : static_cast<Fake*>(data)->units)
        if (path_of(u.name) == path)
            return sd_bus_message_append(
                reply, "s", std::string_view(property) == "LoadState" ? u.load.c_str() : u.active.c_str());
    return -ENOENT;
}

int find_unit(sd_bus*, const char*, const char*, void* data, void** found, sd_bus_error*) {
    *found = data;
    return 1;
}

// The C macros of sd-bus are not ours to fix.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wpedantic"
const sd_bus_vtable manager_table[] = {SD_BUS_VTABLE_START(0),
                                       SD_BUS_METHOD("LoadUnit", "s", "o", load_unit, 0),
                                       SD_BUS_METHOD("StartUnit", "ss", "o", start_unit, 0),
                                       SD_BUS_METHOD("StopUnit", "ss", "o", stop_unit, 0),
                                       SD_BUS_METHOD("RestartUnit", "ss", "o", start_unit, 0),
                                       SD_BUS_METHOD("Subscribe", "", "", subscribe, 0),
                                       SD_BUS_METHOD("Reload", "", "", reload, 0),
                                       SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
                                       SD_BUS_VTABLE_END};
const sd_bus_vtable unit_table[] = {
    SD_BUS_VTABLE_START(0), SD_BUS_PROPERTY("LoadState", "s", unit_property, 0, 0),
    SD_BUS_PROPERTY("ActiveState", "s", unit_property, 0, 0), SD_BUS_VTABLE_END};
#pragma GCC diagnostic pop

[[noreturn]] void serve(int ready) {
    Fake fake;
    sd_bus* bus = nullptr;
    if (sd_bus_open_system(&bus) < 0 ||
        sd_bus_add_object_vtable(bus, nullptr, "/org/freedesktop/systemd1",
                                 "org.freedesktop.systemd1.Manager", manager_table, &fake) < 0 ||
        sd_bus_add_fallback_vtable(bus, nullptr, unit_prefix, "org.freedesktop.systemd1.Unit", unit_table,
                                   find_unit, &fake) < 0 ||
        sd_bus_request_name(bus, "org.freedesktop.systemd1", 0) < 0)
        ::_exit(1);
    (void)!::write(ready, "x", 1);
    for (;;) {
        while (sd_bus_process(bus, nullptr) > 0) {
        }
        sd_bus_wait(bus, 50'000);
        if (fake.subscribed)
            for (const auto& job : fake.jobs)
                announce(bus, job);
        fake.jobs.clear();
    }
}

// ---- logind, which leaves starting and ending a user's manager to whoever waits for it ----

struct FakeUser {
    std::uint32_t uid;
    const char* state_without_linger;  // empty: logind forgets the user then
    bool lingers{false};
};

struct FakeLogind {
    std::array<FakeUser, 4> users{{{1000, ""}, {1001, "active"}, {1002, ""}, {1003, "closing"}}};

    FakeUser* find(std::uint32_t uid) {
        for (auto& u : users)
            if (u.uid == uid)
                return &u;
        return nullptr;
    }
};

constexpr const char* user_prefix = "/org/freedesktop/login1/user";

int set_user_linger(sd_bus_message* m, void* data, sd_bus_error* error) {
    std::uint32_t uid = 0;
    int linger = 0;
    int interactive = 0;
    if (sd_bus_message_read(m, "ubb", &uid, &linger, &interactive) < 0 || interactive != 0)
        return -EINVAL;
    FakeUser* user = static_cast<FakeLogind*>(data)->find(uid);
    if (user == nullptr)
        return sd_bus_error_set_errno(error, ENOENT);
    user->lingers = linger != 0;
    if (user->lingers)
        sd_bus_emit_signal(sd_bus_message_get_bus(m), "/org/freedesktop/login1",
                           "org.freedesktop.login1.Manager", "UserNew", "uo", uid,
                           (std::string(user_prefix) + "/_" + std::to_string(uid)).c_str());
    return sd_bus_reply_method_return(m, "");
}

int get_user(sd_bus_message* m, void* data, sd_bus_error* error) {
    std::uint32_t uid = 0;
    sd_bus_message_read(m, "u", &uid);
    const FakeUser* user = static_cast<FakeLogind*>(data)->find(uid);
    if (user == nullptr || (!user->lingers && *user->state_without_linger == '\0'))
        return sd_bus_error_set(error, "org.freedesktop.login1.NoSuchUser", "not logged in or lingering");
    return sd_bus_reply_method_return(m, "o",
                                      (std::string(user_prefix) + "/_" + std::to_string(uid)).c_str());
}

int user_state(sd_bus*, const char* path, const char*, const char*, sd_bus_message* reply, void* data,
               sd_bus_error*) {
    for (const auto& u : static_cast<FakeLogind*>(data)->users)
        if (std::string_view(path).ends_with("/_" + std::to_string(u.uid)))
            return sd_bus_message_append(reply, "s", u.lingers ? "lingering" : u.state_without_linger);
    return -ENOENT;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wpedantic"
const sd_bus_vtable logind_table[] = {SD_BUS_VTABLE_START(0),
                                      SD_BUS_METHOD("SetUserLinger", "ubb", "", set_user_linger, 0),
                                      SD_BUS_METHOD("GetUser", "u", "o", get_user, 0), SD_BUS_VTABLE_END};
const sd_bus_vtable user_table[] = {SD_BUS_VTABLE_START(0), SD_BUS_PROPERTY("State", "s", user_state, 0, 0),
                                    SD_BUS_VTABLE_END};
#pragma GCC diagnostic pop

[[noreturn]] void serve_logind(int ready) {
    FakeLogind fake;
    sd_bus* bus = nullptr;
    if (sd_bus_open_system(&bus) < 0 ||
        sd_bus_add_object_vtable(bus, nullptr, "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
                                 logind_table, &fake) < 0 ||
        sd_bus_add_fallback_vtable(bus, nullptr, user_prefix, "org.freedesktop.login1.User", user_table,
                                   find_unit, &fake) < 0 ||
        sd_bus_request_name(bus, "org.freedesktop.login1", 0) < 0)
        ::_exit(1);
    (void)!::write(ready, "x", 1);
    for (;;) {
        while (sd_bus_process(bus, nullptr) > 0) {
        }
        sd_bus_wait(bus, UINT64_MAX);
    }
}

// ---- the private bus ----

constexpr const char* bus_config =
    R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=SOCKET</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/></policy></busconfig>)";

class Child {
  public:
    // Runs `f` in a child that dies with us; returns once it has written one byte.
    template <class F>
    explicit Child(F&& f) {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0)
            std::abort();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::close(ends[0]);
            f(ends[1]);
            ::_exit(127);
        }
        ::close(ends[1]);
        char byte = 0;
        ready_ = ::read(ends[0], &byte, 1) == 1;
        ::close(ends[0]);
    }

    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    [[nodiscard]] bool ready() const { return ready_; }

  private:
    pid_t pid_{-1};
    bool ready_{false};
};

class SystemManager : public testing::Test {
  protected:
    void SetUp() override {
        const std::string socket = tree_.path("bus").string();
        std::string config = bus_config;
        config.replace(config.find("SOCKET"), 6, socket);
        tree_.write("bus.conf", config);
        ::setenv("DBUS_SYSTEM_BUS_ADDRESS", ("unix:path=" + socket).c_str(), 1);
    }

    void start_bus() {
        const std::string config = "--config-file=" + tree_.path("bus.conf").string();
        bus_ = std::make_unique<Child>([&](int ready) {
            const std::string print = "--print-address=" + std::to_string(ready);
            ::execlp("dbus-daemon", "dbus-daemon", config.c_str(), "--nofork", "--nosyslog", print.c_str(),
                     nullptr);
        });
        ASSERT_TRUE(bus_->ready()) << "dbus-daemon did not start";
    }

    void start_systemd() {
        systemd_ = std::make_unique<Child>([](int ready) { serve(ready); });
        ASSERT_TRUE(systemd_->ready());
    }

    void start_logind() {
        logind_ = std::make_unique<Child>([](int ready) { serve_logind(ready); });
        ASSERT_TRUE(logind_->ready());
    }

    tests::Tree tree_;
    std::unique_ptr<Child> bus_;
    std::unique_ptr<Child> systemd_;
    std::unique_ptr<Child> logind_;
};

TEST_F(SystemManager, TellsThatThereIsNoBus) {
    const auto m = bus::connect_system_manager();
    ASSERT_FALSE(m);
    EXPECT_EQ(m.error().code, Code::unsupported);
    EXPECT_THAT(m.error().message, HasSubstr("system bus"));
}

TEST_F(SystemManager, TellsThatNobodyAnswersAsSystemd) {
    start_bus();
    const auto m = bus::connect_system_manager();
    ASSERT_FALSE(m);
    EXPECT_EQ(m.error().code, Code::unsupported) << m.error().message;
}

TEST_F(SystemManager, StartsStopsAndRestartsAndWaitsForTheJob) {
    start_bus();
    start_systemd();
    const auto m = bus::connect_system_manager();
    ASSERT_TRUE(m) << m.error().message;
    for (const char* unit : {"ok.service", "instant.service"}) {
        EXPECT_EQ(*(*m)->active_state(unit), "inactive");
        ASSERT_TRUE((*m)->start(unit)) << unit;
        EXPECT_EQ(*(*m)->active_state(unit), "active");
        ASSERT_TRUE((*m)->restart(unit));
        EXPECT_EQ(*(*m)->active_state(unit), "active");
        ASSERT_TRUE((*m)->stop(unit));
        EXPECT_EQ(*(*m)->active_state(unit), "inactive");
    }
    EXPECT_TRUE((*m)->reload_manager());
}

TEST_F(SystemManager, SaysWhyAJobDidNotSucceed) {
    start_bus();
    start_systemd();
    const auto m = bus::connect_system_manager();
    ASSERT_TRUE(m) << m.error().message;
    const std::vector<std::pair<const char*, Code>> cases{
        {"fails.service", Code::io},          {"dependency.service", Code::io},
        {"canceled.service", Code::busy},     {"masked.service", Code::unsupported},
        {"missing.service", Code::not_found}, {"no such", Code::not_found}};
    for (const auto& [unit, code] : cases) {
        const auto r = (*m)->start(unit);
        ASSERT_FALSE(r) << unit;
        EXPECT_EQ(r.error().code, code) << r.error().message;
        EXPECT_THAT(r.error().message, HasSubstr(std::string("start ") + unit));
    }
    EXPECT_EQ((*m)->active_state("missing.service").error().code, Code::not_found);
    EXPECT_EQ(*(*m)->active_state("masked.service"), "inactive");
}

TEST_F(SystemManager, DoesNotWaitForEver) {
    start_bus();
    start_systemd();
    const auto m = bus::connect_system_manager(std::chrono::milliseconds{300});
    ASSERT_TRUE(m) << m.error().message;
    const auto r = (*m)->start("stuck.service");
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, Code::busy);
    EXPECT_TRUE((*m)->start("ok.service")) << "the next job is not disturbed";
}

TEST_F(SystemManager, SurvivesTheEndOfTheBus) {
    start_bus();
    start_systemd();
    const auto m = bus::connect_system_manager();
    ASSERT_TRUE(m) << m.error().message;
    bus_.reset();
    EXPECT_FALSE((*m)->active_state("ok.service"));
    EXPECT_FALSE((*m)->start("ok.service"));
}

TEST_F(SystemManager, LingeringStartsAndEndsTheUsersManager) {
    start_bus();
    start_systemd();
    start_logind();
    const auto m = bus::connect_system_manager();
    ASSERT_TRUE(m) << m.error().message;
    const auto lingers = (*m)->set_linger(1000, true);
    ASSERT_TRUE(lingers) << lingers.error().message;
    EXPECT_EQ(*(*m)->active_state("user@1000.service"), "active");
    ASSERT_TRUE((*m)->start("user-runtime-dir@1000.service"));
    const auto ends = (*m)->set_linger(1000, false);
    ASSERT_TRUE(ends) << ends.error().message;
    EXPECT_EQ(*(*m)->active_state("user@1000.service"), "inactive");
    EXPECT_EQ(*(*m)->active_state("user-runtime-dir@1000.service"), "inactive");
}

TEST_F(SystemManager, AUserWithASessionKeepsItsManager) {
    start_bus();
    start_systemd();
    start_logind();
    const auto m = bus::connect_system_manager();
    ASSERT_TRUE(m) << m.error().message;
    ASSERT_TRUE((*m)->set_linger(1001, true));
    ASSERT_TRUE((*m)->set_linger(1001, false));
    EXPECT_EQ(*(*m)->active_state("user@1001.service"), "active");
}

TEST_F(SystemManager, TellsWhetherLogindDidAnything) {
    start_bus();
    start_systemd();
    const auto m = bus::connect_system_manager();
    ASSERT_TRUE(m) << m.error().message;
    EXPECT_EQ((*m)->set_linger(1000, true).error().code, Code::unsupported) << "there is no logind";
    start_logind();
    // sd-bus makes FileNotFound of logind's ENOENT.
    EXPECT_EQ((*m)->set_linger(77, true).error().code, Code::unsupported);
    EXPECT_EQ((*m)->set_linger(77, false).error().code, Code::unsupported);
    const auto failed = (*m)->set_linger(1002, true);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::io);
    EXPECT_THAT(failed.error().message, HasSubstr("user@1002.service"));
    const auto no_unit = (*m)->set_linger(1003, true);
    ASSERT_FALSE(no_unit);
    EXPECT_EQ(no_unit.error().code, Code::io) << "logind has done its part";
    EXPECT_TRUE((*m)->set_linger(1003, false)) << "no manager, nothing to end";
}

// ---- signals ----

class Signals : public SystemManager {
  protected:
    void listen() {
        auto made = bus::ManagerSignals::make(
            loop_, {.news = [this](const std::string& cause) { news_.push_back(cause); },
                    .report = [this](const std::string& problem) { problems_.push_back(problem); }});
        ASSERT_TRUE(made) << made.error().message;
        signals_ = *std::move(made);
    }

    bool turn_until(const std::function<bool()>& test) {
        using Clock = std::chrono::steady_clock;
        for (const auto end = Clock::now() + std::chrono::seconds(10); !test() && Clock::now() < end;)
            (void)loop_.turn(std::chrono::milliseconds(10));
        return test();
    }

    bool hears(const std::string& cause) {
        return turn_until([&] { return std::ranges::find(news_, cause) != news_.end(); });
    }

    bus::EventLoop loop_{*bus::EventLoop::make()};
    std::vector<std::string> news_{};
    std::vector<std::string> problems_{};
    std::unique_ptr<bus::ManagerSignals> signals_{};
};

TEST_F(Signals, TellOfJobsAndUsers) {
    start_bus();
    start_systemd();
    start_logind();
    listen();
    ASSERT_TRUE(hears("event bus connected"));
    const auto m = bus::connect_system_manager();
    ASSERT_TRUE(m) << m.error().message;
    ASSERT_TRUE((*m)->start("ok.service"));
    EXPECT_TRUE(hears("event job of ok.service"));
    news_.clear();
    ASSERT_TRUE((*m)->set_linger(1000, true));
    EXPECT_TRUE(turn_until([&] { return !news_.empty(); }));
    EXPECT_THAT(problems_, testing::IsEmpty());
}

TEST_F(Signals, OfManyJobsAtOnceAreToldOnce) {
    start_bus();
    start_systemd();
    listen();
    ASSERT_TRUE(hears("event bus connected"));
    news_.clear();
    const auto m = bus::connect_system_manager();
    ASSERT_TRUE(m) << m.error().message;
    for (int i = 0; i < 20; ++i)
        ASSERT_TRUE((*m)->start("instant.service"));
    EXPECT_TRUE(hears("event job of instant.service"));
    EXPECT_LT(news_.size(), 10U);
}

TEST_F(Signals, AreHeardAgainWhenTheBusIsBack) {
    listen();
    ASSERT_EQ(problems_.size(), 1U) << "there is no bus yet";
    start_bus();
    start_systemd();
    EXPECT_TRUE(hears("event bus connected"));
    EXPECT_EQ(problems_.back(), "");
    systemd_.reset();
    bus_.reset();
    EXPECT_TRUE(turn_until([&] { return !problems_.back().empty(); }));
    news_.clear();
    start_bus();
    start_systemd();
    EXPECT_TRUE(hears("event bus connected")) << "what happened meanwhile was not heard";
    const auto m = bus::connect_system_manager();
    ASSERT_TRUE(m) << m.error().message;
    ASSERT_TRUE((*m)->start("ok.service"));
    EXPECT_TRUE(hears("event job of ok.service"));
}

TEST_F(Signals, FromAManagerThatAnnouncesNoJobsAreATrouble) {
    start_bus();
    listen();
    EXPECT_TRUE(turn_until([&] { return !problems_.empty(); }));
    EXPECT_THAT(problems_.front(), HasSubstr("does not announce"));
}

TEST(SignalsOfUnits, CountWhereProcessesMayComeOrGo) {
    for (const char* unit : {"docker.service", "libpod-1.scope", "podman.socket"})
        EXPECT_TRUE(bus::has_processes(unit)) << unit;
    for (const char* unit : {"proc.mount", "a.timer", "a.target", "", "a.service.wants"})
        EXPECT_FALSE(bus::has_processes(unit)) << unit;
}

}  // namespace
