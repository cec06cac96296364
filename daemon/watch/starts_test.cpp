// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/starts.hpp"

#include "daemon/watch/testing/child.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <vector>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::HasSubstr;
using testing::IsEmpty;

std::string datagram(std::uint32_t what, std::initializer_list<std::uint32_t> data) {
    std::string out(16 + 20, '\0');
    const auto put = [&](std::uint32_t word) {
        out.append(sizeof word, '\0');
        std::memcpy(out.data() + out.size() - sizeof word, &word, sizeof word);
    };
    for (const std::uint32_t word : {what, 0U, 0U, 0U})
        put(word);
    for (const std::uint32_t word : data)
        put(word);
    return out;
}

TEST(ProcessNews, AreReadFromDatagramsOfAnyKind) {
    EXPECT_EQ(parse_process_news(datagram(2, {812, 811})).executed, 811);
    EXPECT_TRUE(parse_process_news(datagram(0, {0})).listening);
    EXPECT_FALSE(parse_process_news(datagram(0, {1})).listening) << "EPERM";
    EXPECT_EQ(parse_process_news(datagram(1, {812, 811})).executed, std::nullopt) << "a fork";
    EXPECT_EQ(parse_process_news(datagram(2, {812, 0})).executed, std::nullopt);
    EXPECT_EQ(parse_process_news(datagram(2, {812, 0xffffffff})).executed, std::nullopt);
    const auto whole = datagram(2, {812, 811});
    for (std::size_t n = 0; n < whole.size(); ++n)
        EXPECT_EQ(parse_process_news(whole.substr(0, n)).executed, std::nullopt) << n;
}

class Listening {
  public:
    Listening() {
        turn_until([&] { return starts_.told_by_kernel(); }, 500ms);
    }

    template <class Test>
    void turn_until(const Test& test, Clock::duration most) {
        for (const auto end = Clock::now() + most; !test() && Clock::now() < end;)
            (void)loop_.turn(10ms);
    }

    Starts& operator*() { return starts_; }

    std::vector<std::string> heard{};
    std::vector<std::string> engines{};  // of these
    std::vector<Clock::time_point> at{};

  private:
    bus::EventLoop loop_{*bus::EventLoop::make()};
    host::Sysroot root_{*host::Sysroot::open("/")};
    Starts starts_{loop_, root_, [this](const Starts::Told& told) {
                       heard.push_back(told.cause);
                       if (told.engine)
                           engines.push_back(told.cause);
                       at.push_back(Clock::now());
                   }};
};

int run_true(int unshared) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        // It has to be there still when it is looked at.
        if (::unshare(unshared) == 0)
            ::execl("/bin/sleep", "sleep", "0.3", nullptr);
        ::_exit(1);
    }
    return pid;
}

TEST(Starts, AreToldByTheKernelOfProgramsThatEnterAnotherMountNamespace) {
    Listening on;
    if (!(*on).told_by_kernel())
        GTEST_SKIP() << "the process connector answers only in the initial namespaces, and root";
    const int usual = run_true(0);
    const int own = run_true(CLONE_NEWNS);
    const std::string cause = "event start of " + std::to_string(own);
    const auto told = [&] { return std::ranges::find(on.heard, cause) != on.heard.end(); };
    on.turn_until(told, 2s);
    EXPECT_TRUE(told());
    EXPECT_THAT(on.heard, testing::Not(testing::Contains(HasSubstr(std::to_string(usual)))));
    for (const int pid : {usual, own}) {
        int status = 0;
        EXPECT_EQ(::waitpid(pid, &status, 0), pid);
        EXPECT_EQ(status, 0);
    }
    on.heard.clear();
    (*on).expect();
    on.turn_until([&] { return false; }, 100ms);
    EXPECT_THAT(on.heard, testing::Not(testing::Contains("event settling"))) << "the kernel tells";
}

TEST(Starts, OfEnginesAreToldApart) {
    Listening on;
    if (!(*on).told_by_kernel())
        GTEST_SKIP() << "the process connector answers only in the initial namespaces, and root";
    const tests::Tree tree;
    std::filesystem::copy_file("/bin/sleep", tree.path("dockerd"));
    std::filesystem::copy_file("/bin/sleep", tree.path("dockerd-proxy"));
    const auto run = [&](const char* name) {
        const auto program = tree.path(name);
        const pid_t pid = ::fork();
        if (pid == 0) {
            ::execl(program.c_str(), name, "0.3", nullptr);
            ::_exit(1);
        }
        return pid;
    };
    const pid_t other = run("dockerd-proxy");
    const pid_t engine = run("dockerd");
    const std::string cause = "event start of " + std::to_string(engine);
    on.turn_until([&] { return std::ranges::find(on.engines, cause) != on.engines.end(); }, 2s);
    EXPECT_THAT(on.engines, testing::ElementsAre(cause));
    for (const pid_t pid : {other, engine})
        EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
}

TEST(Starts, AreWaitedForLessAndLessOftenWhereTheKernelDoesNotTell) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root for a network namespace";
    tests::in_child([] {
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
        Listening on;
        EXPECT_FALSE((*on).told_by_kernel());
        EXPECT_THAT(on.heard, IsEmpty());
        const auto begin = Clock::now();
        (*on).expect();
        on.turn_until([&] { return on.heard.size() == 5; }, 5s);
        EXPECT_EQ(on.heard, std::vector<std::string>(5, "event settling"));
        EXPECT_GE(Clock::now() - begin, 300ms);  // 10, 20, 40, 80 and 160
        EXPECT_GE(on.at.at(4) - on.at.at(3), 150ms);
    });
}

}  // namespace
}  // namespace plimsoll::daemon
