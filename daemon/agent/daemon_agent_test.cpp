// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "core/host/executor.hpp"
#include "core/host/remedy.hpp"
#include "daemon/agent/agent.hpp"
#include "daemon/messages.hpp"
#include "daemon/store/sqlite.hpp"
#include "modules/all.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>

namespace plimsoll::daemon {
namespace {

using namespace std::chrono_literals;
using Verdict = policy::Status;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* control = "subuid.root-delegated";
constexpr const char* enforce = "[control.\"subuid.root-delegated\"]\nmode = \"enforce\"\n";
constexpr const char* policy_file = "/etc/plimsoll/policy.d/10-site.toml";

class Spy final : public Listener {
  public:
    void on_transition(const Transition& t) override {
        if (t.control == control)
            transitions.push_back(t);
        else if (t.control.starts_with("policy."))
            of_policy.push_back(t);
    }

    void on_status(const daemon::Status& s) override { statuses.push_back(s); }

    void on_job(const Job& j) override { jobs.push_back(j); }

    std::vector<Transition> transitions{};
    std::vector<Transition> of_policy{};
    std::vector<daemon::Status> statuses{};
    std::vector<Job> jobs{};
};

class AgentTest : public testing::Test {
  protected:
    AgentTest() {
        tree_.write("/etc/passwd",
                    "root:x:0:0::/root:/bin/sh\nmallory:x:1000:1000::/home/mallory:/bin/sh\n"
                    "eve:x:1001:1001::/home/eve:/bin/sh\n");
        tree_.write("/etc/group", "root:x:0:\nmallory:x:1000:\neve:x:1001:\n");
        tree_.write("/etc/subuid", "");
        tree_.write("/etc/subgid", "");
    }

    // What the database answers, which a running agent keeps for itself.
    std::string stored(const char* sql) const {
        Fd dir(::open(tree_.path("/var/lib/plimsoll").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        const auto db = sqlite::Database::open(std::move(dir), "plimsoll.db");
        const auto answer = db ? db->ask(sql) : Result<std::string>(Failure(db.error()));
        return answer ? *answer : answer.error().message;
    }

    void start(AgentOptions options = {}, bool expect_ok = true) {
        agent_.reset();
        options.log = [this](Level level, const std::string& text, const Details& details) {
            said_.push_back(std::to_string(static_cast<int>(level)) + " " + text);
            details_.push_back(details);
        };
        auto made = Agent::make(*loop_, host_, modules_, std::move(options));
        ASSERT_EQ(made.has_value(), expect_ok) << (made ? "" : made.error().message);
        if (!made) {
            refused_ = made.error();
            return;
        }
        agent_ = *std::move(made);
        spy_ = {};
        agent_->listen(&spy_);
        agent_->start();
    }

    template <class Test>
    bool until(const Test& test, std::chrono::milliseconds limit = 5s) {
        const auto end = std::chrono::steady_clock::now() + limit;
        while (!test()) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            EXPECT_TRUE(loop_->turn(10ms));
        }
        return true;
    }

    void settle(std::chrono::milliseconds quiet = 60ms) {
        for (auto last = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - last < quiet;)
            if (const auto busy = loop_->turn(5ms); busy && *busy)
                last = std::chrono::steady_clock::now();
    }

    void append(std::string_view file, const std::string& line) {
        tree_.write(file, tree_.read(file) + line);
    }

    // The status of a subject of our control; nullopt: there is no finding of that subject.
    std::optional<Verdict> verdict_on(const std::string& subject) {
        for (const auto& t : agent_->findings({.controls = {control}}))
            if (t.finding.subject == subject)
                return t.finding.status;
        return std::nullopt;
    }

    std::vector<std::string> told() {
        std::vector<std::string> out;
        for (const auto& t : spy_.transitions)
            out.push_back(t.subject + " " + (t.from ? std::string(policy::name_of(*t.from)) : "-") + ">" +
                          (t.to ? std::string(policy::name_of(*t.to)) : "-") +
                          (t.healed_by.empty() ? "" : " by " + t.healed_by));
        return out;
    }

    tests::Tree tree_{};
    host::Host host_{tree_.host()};
    policy::Modules modules_{modules::all()};
    std::optional<bus::EventLoop> loop_{*bus::EventLoop::make()};
    Spy spy_{};
    std::vector<std::string> said_{};
    std::vector<Details> details_{};  // of what was said
    Error refused_{};
    std::unique_ptr<Agent> agent_{};
};

TEST_F(AgentTest, HealsWhatDrifts) {
    tree_.write(policy_file, enforce);
    start();
    EXPECT_THAT(told(), IsEmpty());
    append("/etc/subuid", "mallory:0:1\n");
    ASSERT_TRUE(until([&] { return spy_.transitions.size() == 2; }));
    EXPECT_EQ(tree_.read("/etc/subuid"), "");
    EXPECT_THAT(told(), ElementsAre("mallory ->fail", "mallory fail>- by plimsolld"));
    const Transition& drift = spy_.transitions[0];
    EXPECT_EQ(drift.cause, "event /etc/subuid");
    EXPECT_TRUE(drift.announced);
    EXPECT_EQ(drift.severity, policy::Severity::critical);
    const Transition& heal = spy_.transitions[1];
    EXPECT_EQ(heal.cause, "after a fix");
    EXPECT_EQ(heal.journal_entry, 1U);
    EXPECT_GT(heal.id, drift.id);
    ASSERT_TRUE(heal.out_for);
    EXPECT_GT(*heal.out_for, 0us);
    EXPECT_LT(*heal.out_for, 5s);
    const auto counters = agent_->counters();
    EXPECT_GE(counters.drifts, 1U);
    EXPECT_EQ(counters.heals, 1U);
    EXPECT_EQ(counters.failed_heals, 0U);
    EXPECT_EQ(counters.healed_after_sum_us, static_cast<std::uint64_t>(heal.out_for->count()));
    EXPECT_EQ(std::accumulate(counters.healed_after.begin(), counters.healed_after.end(), 0U), 1U);
    EXPECT_EQ(agent_->status().healed_today, 1U);
    const auto journal = host::read_journal(host_, host_.state_dir());
    ASSERT_TRUE(journal);
    ASSERT_EQ(journal->size(), 1U);
    EXPECT_EQ(journal->front().steps[0].control, control);
    const auto history = agent_->history({.controls = {control}});
    ASSERT_TRUE(history);
    EXPECT_EQ(history->size(), 2U);
    settle();
    EXPECT_EQ(agent_->counters().heals, 1U);
    EXPECT_EQ(agent_->counters().unannounced, 0U);
}

TEST_F(AgentTest, CountsWhatItMaySayNothingOf) {
    start();
    for (int i = 0; i < 3; ++i)
        agent_->on_event({1, "events lost", true});
    agent_->on_event({1, "starts lost", true});
    agent_->on_event({1, "watch lost /etc/x", true});
    agent_->on_event({1, "mounts changed", false});
    const auto measures = agent_->measures();
    EXPECT_EQ(measures.counters.event_overflows, 4U);
    EXPECT_EQ(measures.counters.watches_lost, 1U);
    EXPECT_GT(measures.counters.last_full_pass_us, 0U);
    // Once a minute at most, however often.
    EXPECT_EQ(std::ranges::count(details_, messages::events_lost, &Details::id), 1);
    std::array<std::size_t, 5> by_status{};
    for (std::size_t i = 0; i < by_status.size(); ++i)
        by_status.at(i) =
            std::accumulate(measures.findings.at(i).begin(), measures.findings.at(i).end(), std::size_t{0});
    EXPECT_EQ(by_status, agent_->status().counts);
    EXPECT_EQ(measures.containers, std::nullopt);  // of a tree, nothing is known of them
}

TEST_F(AgentTest, HealsWhatIsWrongAtTheStart) {
    tree_.write(policy_file, enforce);
    append("/etc/subuid", "mallory:0:1\neve:0:7\n");
    start();
    ASSERT_TRUE(until([&] { return spy_.transitions.size() == 4; }));
    EXPECT_THAT(told(), ElementsAre("mallory ->fail", "eve ->fail", "mallory fail>- by plimsolld",
                                    "eve fail>- by plimsolld"));
    EXPECT_EQ(spy_.transitions[0].cause, "start");
    EXPECT_EQ(agent_->counters().drifts, 0U);
    EXPECT_EQ(agent_->counters().heals, 2U);
}

TEST_F(AgentTest, LeavesAloneWhatIsAudited) {
    start();
    append("/etc/subuid", "mallory:0:1\n");
    ASSERT_TRUE(until([&] { return verdict_on("mallory") == Verdict::fail; }));
    settle();
    EXPECT_EQ(tree_.read("/etc/subuid"), "mallory:0:1\n");
    EXPECT_EQ(agent_->status().line, Line::outside);
    EXPECT_EQ(agent_->counters().heals, 0U);
    EXPECT_FALSE(std::filesystem::exists(tree_.path("/var/lib/plimsoll/journal")));
    tree_.write("/etc/subuid", "");  // a person does
    ASSERT_TRUE(until([&] { return spy_.transitions.size() == 2; }));
    EXPECT_EQ(spy_.transitions[1].healed_by, "");
    EXPECT_TRUE(spy_.transitions[1].out_for);
}

// docker.service is to be masked and stopped, which is of class service-restart.
TEST_F(AgentTest, CarriesOutNoCostlierClassThanAllowed) {
    tree_.write("/usr/lib/systemd/system/docker.service", "[Service]\nExecStart=/usr/bin/dockerd\n");
    tree_.write("/usr/bin/dockerd", "", 0755);
    tree_.link("/etc/systemd/system/multi-user.target.wants/docker.service",
               "/usr/lib/systemd/system/docker.service");
    tree_.write(policy_file, "profile = \"rootless-strict\"\n");
    start();
    settle();
    std::size_t costly = 0;
    for (const auto& t : agent_->findings({.statuses = {Verdict::fail}})) {
        const auto& f = t.finding;
        if (f.mode != policy::Mode::enforce || !host::has_automatic_fix(f))
            continue;
        EXPECT_GT(f.fix->cls, policy::FixClass::live) << f.control << " " << f.subject << " was not healed";
        ++costly;
    }
    ASSERT_GT(costly, 0U);
    start({.allow = policy::FixClass::service_restart});
    settle();
    for (const auto& t : agent_->findings({.statuses = {Verdict::fail}}))
        EXPECT_FALSE(t.finding.mode == policy::Mode::enforce && host::has_automatic_fix(t.finding) &&
                     t.finding.fix->cls <= policy::FixClass::service_restart)
            << t.finding.control << " " << t.finding.subject;
}

TEST_F(AgentTest, StopsEnforcingWhatIsChangedBackThreeTimes) {
    tree_.write(policy_file, enforce);
    start();
    for (int i = 0; i < 4; ++i) {
        append("/etc/subuid", "mallory:0:1\n");
        const auto heals = static_cast<std::uint64_t>(i) + 1;
        ASSERT_TRUE(until([&] {
            return i == 3 ? !agent_->status().contested.empty() : agent_->counters().heals == heals;
        })) << i;
    }
    settle();
    EXPECT_EQ(tree_.read("/etc/subuid"), "mallory:0:1\n");
    EXPECT_EQ(agent_->counters().heals, 3U);
    const auto contested = agent_->findings({.controls = {"policy.contested"}});
    ASSERT_EQ(contested.size(), 1U);
    EXPECT_EQ(contested[0].finding.status, Verdict::fail);
    EXPECT_EQ(contested[0].finding.subject, std::string(control) + "/mallory");
    EXPECT_EQ(agent_->status().contested[0].reverts, 3U);
    // Others are enforced as before.
    append("/etc/subuid", "eve:0:1\n");
    ASSERT_TRUE(until([&] { return agent_->counters().heals == 4; }));
    EXPECT_EQ(tree_.read("/etc/subuid"), "mallory:0:1\n");
    // It is remembered over a restart, and a reload ends it.
    start();
    settle();
    EXPECT_EQ(tree_.read("/etc/subuid"), "mallory:0:1\n");
    ASSERT_EQ(agent_->status().contested.size(), 1U);
    ASSERT_TRUE(agent_->reload());
    ASSERT_TRUE(until([&] { return tree_.read("/etc/subuid").empty(); }));
    EXPECT_THAT(agent_->status().contested, IsEmpty());
    settle();
    start();
    EXPECT_THAT(agent_->status().contested, IsEmpty());
}

TEST_F(AgentTest, KeepsTheLastGoodPolicyWhenItIsBroken) {
    tree_.write(policy_file, enforce);
    start();
    const std::string digest = agent_->status().policy_digest;
    tree_.write(policy_file, "[control.\"subuid.root-delegated\"]\nmode = \"of\"\n");
    ASSERT_TRUE(until([&] { return !agent_->status().policy_problems.empty(); }));
    EXPECT_EQ(agent_->status().policy_digest, digest);
    EXPECT_THAT(agent_->status().policy_problems[0], HasSubstr("10-site.toml:2"));
    settle(150ms);
    ASSERT_EQ(agent_->findings({.controls = {"policy.files"}, .statuses = {Verdict::fail}}).size(), 1U);
    append("/etc/subuid", "mallory:0:1\n");
    ASSERT_TRUE(until([&] { return agent_->counters().heals == 1; }));
    EXPECT_EQ(agent_->reload().error().code, Code::invalid_input);
    // Also over a restart.
    start();
    EXPECT_EQ(agent_->status().policy_digest, digest);
    EXPECT_THAT(agent_->status().policy_problems, testing::SizeIs(1));
    // And it is taken as soon as it is right again.
    tree_.write(policy_file, "profile = \"rootless-strict\"\n");
    ASSERT_TRUE(until([&] { return agent_->status().policy_problems.empty(); }));
    EXPECT_EQ(agent_->status().profile, "rootless-strict");
}

TEST_F(AgentTest, AuditsEverythingWhenThereNeverWasAGoodPolicy) {
    tree_.write(policy_file, "profile = \"no such\"\n");
    append("/etc/subuid", "mallory:0:1\n");
    start();
    settle();
    EXPECT_THAT(agent_->status().policy_problems, testing::SizeIs(1));
    EXPECT_EQ(verdict_on("mallory"), Verdict::fail);
    EXPECT_EQ(agent_->status().line, Line::outside);
    EXPECT_THAT(said_, Contains(HasSubstr("3 policy refused")));
}

TEST_F(AgentTest, GivenPoliciesMustBeGood) {
    tree_.write("/given.toml", "nonsense = 1\n");
    start({.policy_paths = {tree_.path("/given.toml").string()}}, false);
    EXPECT_EQ(refused_.code, Code::invalid_input);
    tree_.write("/given.toml", enforce);
    start({.policy_paths = {tree_.path("/given.toml").string()}});
    append("/etc/subuid", "mallory:0:1\n");
    ASSERT_TRUE(until([&] { return agent_->counters().heals == 1; }));
    tree_.write("/given.toml", "nonsense = 1\n");
    EXPECT_FALSE(agent_->reload());
    append("/etc/subuid", "eve:0:1\n");
    ASSERT_TRUE(until([&] { return agent_->counters().heals == 2; }));
    EXPECT_FALSE(std::filesystem::exists(tree_.path("/var/lib/plimsoll/policy-last-good.toml")));
}

TEST_F(AgentTest, TakesAnotherPolicyWithoutBeingAsked) {
    append("/etc/subuid", "mallory:0:1\n");
    start();
    settle();
    EXPECT_EQ(tree_.read("/etc/subuid"), "mallory:0:1\n");
    tree_.write(policy_file, enforce);
    ASSERT_TRUE(until([&] { return tree_.read("/etc/subuid").empty(); }));
    tree_.remove(policy_file);
    ASSERT_TRUE(until([&] {
        const auto list = agent_->findings({.controls = {control}});
        return !list.empty() && list[0].finding.mode == policy::Mode::audit;
    }));
}

TEST_F(AgentTest, AnExceptionEndsOnTime) {
    append("/etc/subuid", "mallory:0:1\n");
    const Time expires = wall_clock() + 4s;
    tree_.write(policy_file, std::string(enforce) +
                                 "[[exception]]\ncontrol = \"subuid.root-delegated\"\nsubject = \"mallory\"\n"
                                 "owner = \"ops\"\nreason = \"moves\"\nexpires = " +
                                 to_rfc3339(expires) + "\n");
    start();
    settle();
    EXPECT_EQ(verdict_on("mallory"), Verdict::excepted);
    EXPECT_THAT(told(), ElementsAre("mallory ->excepted"));
    EXPECT_EQ(tree_.read("/etc/subuid"), "mallory:0:1\n");
    agent_.reset();
    EXPECT_EQ(stored("SELECT group_concat(subject || ' by ' || owner) FROM exception"), "mallory by ops");
    start();
    ASSERT_TRUE(until([&] { return tree_.read("/etc/subuid").empty(); }));
    EXPECT_GE(wall_clock(), expires);
    EXPECT_LE(wall_clock(), expires + 2s);
    EXPECT_THAT(told(), ElementsAre("mallory excepted>fail", "mallory fail>- by plimsolld"));
    EXPECT_EQ(spy_.transitions[0].cause, "exception expired");
    EXPECT_EQ(agent_->counters().drifts, 0U);
    agent_.reset();
    EXPECT_EQ(stored("SELECT count(*) FROM exception"), "0") << "those in force";
}

TEST_F(AgentTest, AFullPassFindsWhatNoEventAnnounced) {
    tree_.write(policy_file, enforce);
    start({.full_pass = 1s});
    settle();
    // A write through a mapping makes no event.
    tree_.write("/etc/subuid", "mallory:7:1\n");
    ASSERT_TRUE(until([&] { return agent_->counters().full_passes >= 1; }));
    settle();
    const auto before = agent_->counters();
    EXPECT_EQ(before.unannounced, 0U);
    const Fd fd(::open(tree_.path("/etc/subuid").c_str(), O_RDWR | O_CLOEXEC));  // closing it would make one
    void* map = ::mmap(nullptr, 12, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    ASSERT_NE(map, MAP_FAILED);
    static_cast<char*>(map)[8] = '0';
    ::munmap(map, 12);
    ASSERT_TRUE(until([&] { return agent_->counters().heals == 1; }));
    EXPECT_GE(agent_->counters().unannounced, 1U);
    EXPECT_EQ(spy_.transitions[0].cause, "full pass");
    EXPECT_FALSE(spy_.transitions[0].announced);
    EXPECT_TRUE(agent_->status().last_full_pass);
}

TEST_F(AgentTest, WaitsForAgentctlAndGoesOn) {
    tree_.write(policy_file, enforce);
    start();
    {
        const auto other = host::Executor::open(host_, host_.state_dir(), nullptr);
        ASSERT_TRUE(other);
        append("/etc/subuid", "mallory:0:1\n");
        ASSERT_TRUE(until([&] { return verdict_on("mallory") == Verdict::fail; }));
        settle(50ms);
        EXPECT_EQ(tree_.read("/etc/subuid"), "mallory:0:1\n");
        EXPECT_EQ(agent_->counters().failed_heals, 0U);
        // Written down although it is not healed yet: a crash now would not lose it.
        EXPECT_THAT(tree_.read("/var/lib/plimsoll/plimsoll.db-wal"), HasSubstr("mallory"));
    }
    ASSERT_TRUE(until([&] { return agent_->counters().heals == 1; }));
    // And agentctl finds the door open while nothing happens.
    EXPECT_TRUE(host::Executor::open(host_, host_.state_dir(), nullptr));
}

TEST_F(AgentTest, TriesAFailedFixAgainLater) {
    tree_.write(policy_file, enforce);
    tree_.write("/var/lib/plimsoll/journal", "no directory");
    start();
    append("/etc/subuid", "mallory:0:1\n");
    ASSERT_TRUE(until([&] { return agent_->counters().failed_heals == 1; }));
    const auto evaluations = agent_->counters().evaluations;
    settle(300ms);
    EXPECT_EQ(agent_->counters().failed_heals, 1U);
    EXPECT_LT(agent_->counters().evaluations, evaluations + 5);
    EXPECT_EQ(verdict_on("mallory"), Verdict::fail);
    tree_.remove("/var/lib/plimsoll/journal");
    ASSERT_TRUE(until([&] { return agent_->counters().heals == 1; }));
}

TEST_F(AgentTest, RemembersOverARestart) {
    append("/etc/subuid", "mallory:0:1\n");
    start();
    const auto first = agent_->findings({.controls = {control}});
    const auto cursor = agent_->changes(0).cursor;
    const auto since = agent_->status().line_since;
    std::this_thread::sleep_for(1100ms);
    start();
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_EQ(agent_->findings({.controls = {control}})[0].since, first[0].since);
    EXPECT_EQ(agent_->status().line_since, since);
    EXPECT_GT(agent_->changes(0).cursor, cursor);
    EXPECT_FALSE(agent_->changes(cursor).complete);
    agent_.reset();
    tree_.write("/etc/subuid", "");
    start();
    ASSERT_EQ(spy_.transitions.size(), 1U);
    EXPECT_EQ(spy_.transitions[0].cause, "start");
    EXPECT_GE(spy_.transitions[0].out_for, 1s);
    EXPECT_EQ(agent_->history({.controls = {control}})->size(), 2U);
}

TEST_F(AgentTest, TellsWhatChangedSinceACursor) {
    start();
    const auto all = agent_->changes(0);
    EXPECT_FALSE(all.complete);
    EXPECT_EQ(all.changed.size(), agent_->findings({}).size());
    EXPECT_TRUE(agent_->changes(all.cursor).complete);
    EXPECT_THAT(agent_->changes(all.cursor).changed, IsEmpty());
    append("/etc/subuid", "mallory:0:1\n");
    ASSERT_TRUE(until([&] { return verdict_on("mallory") == Verdict::fail; }));
    const auto some = agent_->changes(all.cursor);
    EXPECT_TRUE(some.complete);
    EXPECT_GT(some.changed.size(), 0U);
    EXPECT_LT(some.changed.size(), 40U);
    tree_.write("/etc/subuid", "");
    ASSERT_TRUE(until([&] { return !verdict_on("mallory"); }));
    const auto mallory = std::pair<std::string, std::string>(control, "mallory");
    EXPECT_THAT(agent_->changes(some.cursor).gone, Contains(mallory));
    append("/etc/subuid", "mallory:0:1\n");
    ASSERT_TRUE(until([&] { return verdict_on("mallory") == Verdict::fail; }));
    EXPECT_THAT(agent_->changes(some.cursor).gone, Not(Contains(mallory)));
    EXPECT_FALSE(agent_->changes(~0ULL).complete);
}

TEST_F(AgentTest, TellsItsListenersOfTheStatus) {
    start();
    ASSERT_FALSE(spy_.statuses.empty());
    spy_.statuses.clear();
    settle();
    EXPECT_THAT(spy_.statuses, IsEmpty());
    agent_->set_trouble("bus", "the bus is lost");
    ASSERT_EQ(spy_.statuses.size(), 1U);
    EXPECT_THAT(spy_.statuses[0].degraded, ElementsAre("the bus is lost"));
    agent_->set_trouble("bus", "");
    EXPECT_THAT(spy_.statuses.back().degraded, IsEmpty());
    agent_->forget_listener(&spy_);
    agent_->set_trouble("bus", "again");
    EXPECT_EQ(spy_.statuses.size(), 2U);
}

TEST_F(AgentTest, AppliesAndUndoesAsAJob) {
    append("/etc/subuid", "mallory:0:1\neve:0:9\n");
    start();
    const ApplyRequest request{.controls = {control}};
    const auto planned = agent_->plan(request);
    ASSERT_TRUE(planned);
    ASSERT_EQ(planned->size(), 2U);
    EXPECT_THAT((*planned)[0].preview, HasSubstr("-mallory:0:1"));
    EXPECT_EQ((*planned)[0].mode, policy::Mode::audit);
    EXPECT_THAT(*agent_->plan({.controls = {control}, .enforced_only = true}), IsEmpty());
    const auto id = agent_->apply(request);
    ASSERT_TRUE(id);
    EXPECT_EQ(agent_->apply(request).error().code, Code::busy);
    EXPECT_EQ(agent_->job(*id)->state, Job::State::waiting);
    ASSERT_TRUE(until([&] { return agent_->job(*id)->state == Job::State::done; }));
    const auto job = *agent_->job(*id);
    EXPECT_EQ(job.steps_done, 2U);
    EXPECT_EQ(job.steps_total, 2U);
    EXPECT_EQ(job.changes.size(), 2U);
    EXPECT_EQ(tree_.read("/etc/subuid"), "");
    EXPECT_EQ(spy_.transitions.back().healed_by, "plimsolld");
    EXPECT_GE(spy_.jobs.size(), 4U);
    const auto undone = agent_->undo(job.journal_entry);
    ASSERT_TRUE(undone);
    ASSERT_TRUE(until([&] { return agent_->job(*undone)->state == Job::State::done; }));
    EXPECT_THAT(tree_.read("/etc/subuid"), HasSubstr("eve:0:9\n"));
    const auto bad = agent_->undo(4711);
    ASSERT_TRUE(bad);
    ASSERT_TRUE(until([&] { return agent_->job(*bad)->state == Job::State::failed; }));
    EXPECT_EQ(agent_->job(99).error().code, Code::not_found);
    EXPECT_EQ(agent_->job(0).error().code, Code::not_found);
}

TEST_F(AgentTest, ManyWritersDoNotKeepItFromItsWork) {
    tree_.write(policy_file, enforce);
    start();
    // Each of sixteen owners has a fix of its own; more than that are one finding with one fix.
    for (const int owners : {16, 40}) {
        const auto healed = agent_->counters().heals;
        for (int i = 0; i < owners; ++i)
            append("/etc/subuid", "user" + std::to_string(i) + ":0:1\n");
        ASSERT_TRUE(until([&] { return tree_.read("/etc/subuid").empty(); }, 60s))
            << tree_.read("/etc/subuid");
        EXPECT_TRUE(until([&] { return agent_->counters().heals == healed + (owners == 16 ? 16U : 1U); }));
    }
    EXPECT_THAT(agent_->status().contested, IsEmpty());
}

}  // namespace
}  // namespace plimsoll::daemon
