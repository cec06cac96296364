// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/writers.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <optional>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// Another process that does `what` under the name "meddler"; it stays until it is told to end.
class Other {
  public:
    explicit Other(const std::function<void()>& what) {
        std::array<int, 2> done{};
        EXPECT_EQ(::pipe(done.data()), 0);
        pid_ = ::fork();
        if (pid_ == 0) {
            (void)::prctl(PR_SET_NAME, "meddler");
            what();
            (void)!::write(done[1], "x", 1);
            ::pause();
            ::_exit(0);
        }
        char byte = 0;
        EXPECT_EQ(::read(done[0], &byte, 1), 1);
        ::close(done[0]);
        ::close(done[1]);
    }

    Other(const Other&) = delete;
    Other& operator=(const Other&) = delete;

    ~Other() { end(); }

    void end() {
        if (pid_ > 0) {
            (void)::kill(pid_, SIGKILL);
            (void)::waitpid(pid_, nullptr, 0);
        }
        pid_ = 0;
    }

    [[nodiscard]] std::string pid() const { return std::to_string(pid_); }

  private:
    pid_t pid_{0};
};

class WritersTest : public testing::Test {
  protected:
    void SetUp() override {
        auto made = Writers::make(loop_, root_);
        if (!made && made.error().code == Code::permission)
            GTEST_SKIP() << "needs CAP_SYS_ADMIN of the host: " << made.error().message;
        ASSERT_TRUE(made) << made.error().message;
        writers_.emplace(*std::move(made));
        writers_->follow("/etc/subuid");
    }

    void write(const char* file) const { std::ofstream(tree_.path(file), std::ios::app) << "x\n"; }

    tests::Tree tree_{{"/etc/subuid", "a:1:1\n"}, {"/etc/other", ""}, {"/srv/x", ""}};
    host::Sysroot root_ = *host::Sysroot::open(tree_.path().string());
    bus::EventLoop loop_ = *bus::EventLoop::make();
    std::optional<Writers> writers_{};
};

TEST_F(WritersTest, WhoWritesIsNamedWithWhoStartedIt) {
    EXPECT_EQ(writers_->last("/etc/subuid"), "");
    const Other other([&] { write("/etc/subuid"); });
    EXPECT_THAT(writers_->last("/etc/subuid"),
                AllOf(StartsWith("meddler (pid " + other.pid() + ", uid 0), started by "),
                      HasSubstr("(pid " + std::to_string(::getpid()) + ")")));
    EXPECT_EQ(writers_->last("/etc/other"), "");
}

TEST_F(WritersTest, WhoReplacesOrRemovesTheFileIsNamed) {
    const Other replacer([&] {
        write("/etc/new");
        ::rename(tree_.path("/etc/new").c_str(), tree_.path("/etc/subuid").c_str());
    });
    EXPECT_THAT(writers_->last("/etc/subuid"), StartsWith("meddler (pid " + replacer.pid()));
    const Other remover([&] { ::unlink(tree_.path("/etc/subuid").c_str()); });
    EXPECT_THAT(writers_->last("/etc/subuid"), StartsWith("meddler (pid " + remover.pid()));
}

TEST_F(WritersTest, WhoHasEndedIsANumber) {
    Other other([&] { write("/etc/subuid"); });
    const std::string pid = other.pid();
    other.end();
    EXPECT_EQ(writers_->last("/etc/subuid"), "pid " + pid + ", which has ended");
}

TEST_F(WritersTest, WhatTheLoopHeardInTimeIsKept) {
    Other other([&] { write("/etc/subuid"); });
    ASSERT_TRUE(loop_.turn(std::chrono::seconds(1)));
    other.end();
    EXPECT_THAT(writers_->last("/etc/subuid"), StartsWith("meddler"));
}

TEST_F(WritersTest, OurOwnChangesAreNobodys) {
    write("/etc/subuid");
    EXPECT_EQ(writers_->last("/etc/subuid"), "");
}

TEST_F(WritersTest, OnlyTheNewestDirectoriesAreFollowed) {
    for (std::size_t i = 0; i < Writers::most_directories; ++i) {
        tree_.write("/d" + std::to_string(i) + "/x", "");
        writers_->follow("/d" + std::to_string(i) + "/x");
    }
    const Other other([&] {
        write("/etc/subuid");
        write("/d0/x");
    });
    EXPECT_EQ(writers_->last("/etc/subuid"), "");
    EXPECT_THAT(writers_->last("/d0/x"), StartsWith("meddler"));
}

TEST_F(WritersTest, WhatIsNotThereIsNotFollowed) {
    writers_->follow("/nowhere/x");
    EXPECT_EQ(writers_->last("/nowhere/x"), "");
}

}  // namespace
}  // namespace plimsoll::daemon
