// SPDX-License-Identifier: Apache-2.0
// What the kernel tells besides events of files, with the real kernel wherever it does so here.
#include "daemon/watch/denials.hpp"
#include "daemon/watch/knob_writes.hpp"
#include "daemon/watch/mac_changes.hpp"
#include "daemon/watch/netlink.hpp"
#include "daemon/watch/process_ends.hpp"
#include "daemon/watch/testing/child.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <vector>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

namespace plimsoll::daemon {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using tests::Tree;

template <class Test>
bool turn_until(const bus::EventLoop& loop, const Test& test, Clock::duration most = 3s) {
    for (const auto end = Clock::now() + most; !test() && Clock::now() < end;)
        (void)loop.turn(10ms);
    return test();
}

// In a process of its own; returns once it has ended.
void elsewhere(const std::function<void()>& body) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        body();
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
}

// ---- writes to kernel settings ----

constexpr const char* knob = "/proc/sys/kernel/printk_ratelimit";

std::string content_of(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::vector<char> text(65536);
    const auto n = ::read(fd.get(), text.data(), text.size());
    return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
}

// The value that it has.
void write_again(const std::string& path, int times = 1) {
    const std::string value = content_of(path);
    const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    for (int i = 0; i < times; ++i)
        (void)!::pwrite(fd.get(), value.data(), value.size(), 0);
}

// What docs/daemon.md says it needs. Where all of this is there, it must work.
std::string why_knobs_cannot_be_heard(const Error& e) {
    utsname kernel{};
    (void)::uname(&kernel);
    int major = 0;
    int minor = 0;
    const bool known = std::sscanf(static_cast<const char*>(kernel.release), "%d.%d", &major, &minor) == 2;
    const bool old = known && (major < 6 || (major == 6 && minor < 1));
    const bool hierarchy = content_of("/proc/self/mountinfo").find(" - cgroup2 ") != std::string::npos;
    return e.code == Code::permission || old || !hierarchy ? e.message : "";
}

class Knobs : public testing::Test {
  protected:
    void SetUp() override {
        auto made = KnobWrites::make(
            loop_, root_, [this](const std::string& path, bool lost) { heard_.emplace_back(path, lost); });
        if (const auto why = made ? "" : why_knobs_cannot_be_heard(made.error()); !why.empty())
            GTEST_SKIP() << why;
        ASSERT_TRUE(made) << made.error().message;
        knobs_.emplace(*std::move(made));
    }

    [[nodiscard]] auto times(const std::string& path) const {
        return std::ranges::count(heard_, path, [](const auto& h) { return h.first; });
    }

    bus::EventLoop loop_{*bus::EventLoop::make()};
    host::Sysroot root_{*host::Sysroot::open("/")};
    std::vector<std::pair<std::string, bool>> heard_{};
    std::optional<KnobWrites> knobs_{};
};

TEST_F(Knobs, AreHeardOfThroughAnotherMountOfProcfs) {
    const Tree tree;
    tree.directory("proc");
    const std::string other = tree.path("proc").native();
    tests::in_own_mounts([&] {
        ASSERT_EQ(::mount("proc", other.c_str(), "proc", 0, nullptr), 0);
        elsewhere([&] { write_again(other + "/sys/kernel/printk_ratelimit"); });
    });
    EXPECT_TRUE(turn_until(loop_, [&] { return times(knob) >= 2; })) << "before and after it may be stored";
    EXPECT_THAT(heard_, Contains(Pair(knob, false)));
    EXPECT_THAT(knobs_->last(knob), HasSubstr("kernel_news"));
    EXPECT_EQ(knobs_->last("/proc/sys/kernel/printk"), "");
    heard_.clear();
    (void)turn_until(loop_, [] { return false; }, 400ms);
    EXPECT_EQ(times(knob), 0);
}

TEST_F(Knobs, AreNotHeardOfWhenReadOrWrittenByOurselves) {
    elsewhere([] { (void)content_of(knob); });
    write_again(knob);
    (void)turn_until(loop_, [] { return false; }, 100ms);
    EXPECT_EQ(times(knob), 0);
    EXPECT_EQ(knobs_->last(knob), "");
}

TEST_F(Knobs, ThatAreWrittenTooOftenMayBeAny) {
    elsewhere([] { write_again(knob, 2000); });
    EXPECT_TRUE(turn_until(loop_, [&] { return times("/proc/sys") >= 1; }));
    EXPECT_THAT(heard_, Contains(Pair("/proc/sys", true)));
    EXPECT_THAT(heard_, Contains(Pair(knob, false)));
}

TEST_F(Knobs, AreHeardOfBehindAFewWritesOfAnotherOne) {
    elsewhere([] {
        write_again(knob, 100);
        write_again("/proc/sys/kernel/printk");
    });
    EXPECT_TRUE(turn_until(loop_, [&] { return times("/proc/sys/kernel/printk") >= 1; }));
    EXPECT_THAT(heard_, Not(Contains(Pair("/proc/sys", true))));
}

TEST_F(Knobs, AreNotHeardOfWhenItHasEnded) {
    knobs_.reset();
    elsewhere([] { write_again(knob); });
    (void)turn_until(loop_, [] { return false; }, 100ms);
    EXPECT_THAT(heard_, IsEmpty());
}

TEST(KnobWrite, IsReadFromARecordOfAnySize) {
    std::string record(152, '\0');
    record[0] = 7;
    record.replace(8, 6, "sysctl");
    record.replace(24, 9, "net/a.b/c");
    const auto write = parse_knob_write(record);
    EXPECT_EQ(write.pid, 7);
    EXPECT_EQ(write.comm, "sysctl");
    EXPECT_EQ(write.name, "net/a.b/c");
    record.replace(24, 128, std::string(128, 'x'));
    EXPECT_EQ(parse_knob_write(record).name, std::string(128, 'x'));
    for (std::size_t n = 0; n < record.size(); ++n)
        EXPECT_EQ(parse_knob_write(record.substr(0, n)).name, "") << n;
}

// ---- mandatory access control ----

std::string message(std::uint16_t type, std::string_view payload) {
    nlmsghdr head{};
    head.nlmsg_len = static_cast<std::uint32_t>(sizeof head + payload.size());
    head.nlmsg_type = type;
    std::string out(sizeof head, '\0');
    std::memcpy(out.data(), &head, sizeof head);
    return out.append(payload);
}

class Mac : public testing::Test {
  protected:
    Mac() {
        tree_.directory("sys/kernel/security/apparmor");
        tree_.fifo("sys/kernel/security/apparmor/revision");
        writer_ = Fd(::open(tree_.path("sys/kernel/security/apparmor/revision").c_str(), O_RDWR | O_CLOEXEC));
    }

    void begin() {
        changes_.emplace(loop_, host_.root(), [this](const MacChanges::Told& told) {
            heard_.emplace_back(told.cause, told.directory);
        });
    }

    void announce(std::string_view revision) {
        (void)!::write(writer_.get(), revision.data(), revision.size());
        (void)turn_until(loop_, [&] { return !heard_.empty(); }, 1s);
    }

    const Tree tree_{};
    host::Host host_{tree_.live_host()};
    Fd writer_{};
    bus::EventLoop loop_{*bus::EventLoop::make()};
    std::vector<std::pair<std::string, std::string>> heard_{};
    std::optional<MacChanges> changes_{};
};

TEST_F(Mac, OfAppArmorIsHeardByItsRevision) {
    begin();
    ASSERT_TRUE(changes_->hears_apparmor());
    announce("17\n");
    EXPECT_THAT(heard_, ElementsAre(Pair("AppArmor profiles changed", MacChanges::apparmor)));
    heard_.clear();
    announce("18\n");
    EXPECT_THAT(heard_, ElementsAre(Pair("AppArmor profiles changed", MacChanges::apparmor)));
    heard_.clear();
    writer_.reset();  // the end of the file: never again, and no wake-ups for nothing
    for (int i = 0; i < 3; ++i)
        (void)loop_.turn(20ms);
    EXPECT_FALSE(changes_->hears_apparmor());
    EXPECT_THAT(heard_, IsEmpty());
}

TEST_F(Mac, WithoutAppArmorIsNoTrouble) {
    tree_.remove("sys/kernel/security/apparmor/revision");
    begin();
    EXPECT_FALSE(changes_->hears_apparmor());
}

TEST_F(Mac, OfSELinuxIsBelievedOfTheKernelAlone) {
    begin();
    if (!changes_->hears_selinux())
        GTEST_SKIP() << "this kernel has no SELinux";
    const Fd liar(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SELINUX));
    sockaddr_nl to{};
    to.nl_family = AF_NETLINK;
    to.nl_groups = 1;
    const auto lie = message(0x10, std::string(4, '\0'));
    // The kernel lets root send to the group; that nobody takes what is sent to the kernel itself is said
    // last.
    if (::sendto(liar.get(), lie.data(), lie.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) < 0 &&
        errno != ECONNREFUSED)
        GTEST_SKIP() << "cannot send to the group: " << std::strerror(errno);
    (void)turn_until(loop_, [] { return false; }, 100ms);
    EXPECT_THAT(heard_, IsEmpty());
    EXPECT_TRUE(changes_->hears_selinux());
}

TEST(SelinuxNews, AreReadFromDatagramsOfAnyKind) {
    EXPECT_EQ(parse_selinux_news(message(0x10, {"\1\0\0\0", 4})), "SELinux mode changed");
    EXPECT_EQ(parse_selinux_news(message(0x11, {"\1\0\0\0", 4})), "SELinux policy loaded");
    EXPECT_EQ(parse_selinux_news(message(0x12, {"\1\0\0\0", 4})), "");
    const auto whole = message(0x10, {"\1\0\0\0", 4});
    for (std::size_t n = 0; n < whole.size(); ++n)
        EXPECT_EQ(parse_selinux_news(whole.substr(0, n)), "") << n;
}

// ---- denials ----

constexpr std::uint16_t avc = 1400;
constexpr std::uint16_t seccomp = 1326;
using By = Denial::By;

TEST(Denial, IsReadFromTheRecordOfWhoeverDenied) {
    EXPECT_EQ(parse_denial(message(
                  avc,
                  "audit(1.0:1): avc:  denied  { read open } for  pid=12 comm=\"cat\" name=\"shadow\" "
                  "dev=\"sda1\" ino=5 scontext=system_u:system_r:container_t:s0:c1,c2 "
                  "tcontext=system_u:object_r:shadow_t:s0 tclass=file permissive=0")),
              (Denial{By::selinux, 12, "cat", "system_u:system_r:container_t:s0:c1,c2",
                      "read open of \"shadow\" (file)"}));
    EXPECT_EQ(parse_denial(message(avc,
                                   "audit(1.0:2): apparmor=\"DENIED\" operation=\"mount\" "
                                   "profile=\"docker-default\" name=2F6120622F63 pid=13 "
                                   "comm=612062 denied_mask=\"w\" fsuid=0")),
              (Denial{By::apparmor, 13, "a b", "docker-default", "mount of \"/a b/c\" (w)"}));
    EXPECT_EQ(parse_denial(message(1503, "audit(1.0:2): apparmor=\"DENIED\" operation=\"ptrace\" pid=13")),
              (Denial{By::apparmor, 13, "", "", "ptrace"}));
    EXPECT_EQ(parse_denial(message(seccomp,
                                   "audit(1.0:3): auid=1 uid=0 pid=14 comm=\"x\" exe=\"/x\" "
                                   "sig=31 arch=c000003e syscall=39 compat=0 ip=0x7f code=0x0")),
              (Denial{By::seccomp, 14, "x", "", "syscall 39 (signal 31)"}));
}

TEST(Denial, IsNotWhatWasAllowed) {
    for (const std::string_view text :
         {"avc:  granted  { read } for  pid=1", "avc:  denied  { read } for  pid=1 permissive=1",
          "apparmor=\"ALLOWED\" operation=\"open\"", "apparmor=\"STATUS\" operation=\"profile_load\"", "",
          "avc:  denied", "avc:  denied } {"})
        EXPECT_EQ(parse_denial(message(avc, text)), std::nullopt) << text;
    for (const std::string_view code : {"code=0x7ffc0000", "code=0x7fff0000", "code=", "", "code=0xzz"})
        EXPECT_EQ(parse_denial(message(seccomp, "pid=1 " + std::string(code))), std::nullopt) << code;
    EXPECT_EQ(parse_denial(message(1300, "avc:  denied  { read } for  pid=1")), std::nullopt);
}

TEST(Denial, IsReadFromHostileRecordsAsFarAsItGoes) {
    const auto odd = parse_denial(message(avc, "avc:  denied  { x } for pid=99999999999 comm=61626"));
    ASSERT_TRUE(odd);
    EXPECT_EQ(odd->pid, 0);
    EXPECT_EQ(odd->comm, "61626");
    const auto whole = message(seccomp, "pid=14 comm=\"x\" syscall=39 code=0x0");
    for (std::size_t n = 0; n < whole.size() - 3; ++n)
        EXPECT_EQ(parse_denial(whole.substr(0, n)), std::nullopt) << n;
    EXPECT_TRUE(parse_denial(message(avc, "avc:  denied  { " + std::string(8000, 'x') + " }")));
}

// What a filter does to getppid(2).
bool filter_getppid(std::uint32_t action) {
    std::array<sock_filter, 4> code{{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, action),
                                     BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &program) == 0;
}

// Also without a filter of ours: whether there is anything to be heard here.
bool says_something_of_seccomp(const Fd& all) {
    std::vector<char> buffer(16384);
    for (;;) {
        const auto datagram = next_from_kernel(all, buffer);
        if (!datagram)
            continue;
        if (!*datagram)
            return false;
        nlmsghdr head{};
        std::memcpy(&head, (*datagram)->data(), std::min(sizeof head, (*datagram)->size()));
        if (head.nlmsg_type == seccomp)
            return true;
    }
}

TEST(Denials, AreHeardFromTheAuditSystem) {
    const auto loop = *bus::EventLoop::make();
    const auto root = *host::Sysroot::open("/");
    std::vector<std::pair<Denial, std::optional<bool>>> heard;
    const auto denials = Denials::make(loop, root, {}, [&](const Denial& d, std::optional<bool> own_mounts) {
        heard.emplace_back(d, own_mounts);
    });
    if (!denials && (denials.error().code == Code::permission || denials.error().code == Code::unsupported))
        GTEST_SKIP() << denials.error().message;
    ASSERT_TRUE(denials) << denials.error().message;
    const auto all_records = join_netlink(NETLINK_AUDIT, 1, "the audit records");
    ASSERT_TRUE(all_records);
    const auto run = [](int unshared, std::uint32_t action) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            if (::unshare(unshared) == 0 && filter_getppid(action))
                (void)::syscall(SYS_getppid);
            ::pause();
            ::_exit(1);
        }
        return pid;
    };
    static constexpr std::uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;
    const std::array<pid_t, 3> all{run(0, refuse), run(CLONE_NEWNS, refuse),
                                   run(CLONE_NEWNS, SECCOMP_RET_LOG)};
    const auto of = [&](pid_t pid) {
        return std::ranges::find(heard, pid, [](const auto& h) { return h.first.pid; });
    };
    const bool told =
        turn_until(loop, [&] { return of(all[0]) != heard.end() && of(all[1]) != heard.end(); });
    for (const pid_t pid : all) {
        ::kill(pid, SIGKILL);
        (void)::waitpid(pid, nullptr, 0);
    }
    if (!told && heard.empty() && !says_something_of_seccomp(*all_records))
        GTEST_SKIP() << "this kernel's audit system says nothing of seccomp";
    ASSERT_TRUE(told);
    EXPECT_EQ(of(all[0])->second, false);
    EXPECT_EQ(of(all[1])->second, true);
    EXPECT_EQ(of(all[1])->first.by, By::seccomp);
    EXPECT_EQ(of(all[1])->first.what, "syscall " + std::to_string(SYS_getppid));
    EXPECT_EQ(of(all[2]), heard.end()) << "it was allowed";
    // Behind more than are taken at once.
    elsewhere([] {
        if (filter_getppid(refuse))
            for (int i = 0; i < 300; ++i)
                (void)::syscall(SYS_getppid);
    });
    (void)turn_until(
        loop, [] { return false; }, 1500ms);  // the kernel adds nothing to a queue that was once full
    const pid_t last = run(CLONE_NEWNS, refuse);
    EXPECT_TRUE(turn_until(loop, [&] { return of(last) != heard.end(); }));
    ::kill(last, SIGKILL);
    (void)::waitpid(last, nullptr, 0);
}

// ---- ends ----

class Ends : public testing::Test {
  protected:
    static pid_t sleeper() {
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::pause();
            ::_exit(0);
        }
        return pid;
    }

    static void end(pid_t pid) {
        ::kill(pid, SIGKILL);
        (void)::waitpid(pid, nullptr, 0);
    }

    bus::EventLoop loop_{*bus::EventLoop::make()};
    std::map<int, Groups> heard_{};
    int calls_{0};
    ProcessEnds ends_{loop_, [this](int pid, Groups groups) {
                          heard_[pid] |= groups;
                          ++calls_;
                      }};
};

TEST_F(Ends, AreHeardOfWhoIsFollowedAndOfNobodyElse) {
    const pid_t one = sleeper();
    const pid_t two = sleeper();
    ends_.follow({{one, 1}, {two, 2}});
    EXPECT_EQ(ends_.followed(), 2U);
    ends_.follow({{one, 5}});
    end(two);
    end(one);
    EXPECT_TRUE(turn_until(loop_, [&] { return !heard_.empty(); }));
    EXPECT_THAT(heard_, ElementsAre(Pair(one, 5U)));
    EXPECT_EQ(ends_.followed(), 0U);
}

TEST_F(Ends, OfWhoHasGoneAlreadyAreToldOnceWhileAskedFor) {
    const pid_t one = sleeper();
    end(one);
    ends_.follow({{one, 1}});
    EXPECT_TRUE(turn_until(loop_, [&] { return calls_ == 1; }));
    ends_.follow({{one, 1}});
    (void)turn_until(loop_, [] { return false; }, 100ms);
    EXPECT_EQ(calls_, 1);
    ends_.follow({});
    ends_.follow({{one, 2}});
    EXPECT_TRUE(turn_until(loop_, [&] { return calls_ == 2; }));
}

TEST_F(Ends, FollowOneAfterTheOther) {
    for (int i = 1; i <= 3; ++i) {
        const pid_t one = sleeper();
        ends_.follow({{one, 1}});
        end(one);
        EXPECT_TRUE(turn_until(loop_, [&] { return calls_ == i; })) << i;
    }
}

}  // namespace
}  // namespace plimsoll::daemon
