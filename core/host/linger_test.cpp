// SPDX-License-Identifier: Apache-2.0
// policy::SetLinger: through logind where one answers, else by its file alone.
#include "core/host/executor.hpp"
#include "tests/support/fake_logind.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include <sys/stat.h>

namespace {
using namespace plimsoll;
using policy::SetLinger;
using testing::ElementsAre;
using testing::IsEmpty;
using tests::Tree;

constexpr const char* state_dir = "/var/lib/plimsoll";
constexpr const char* file = "/var/lib/systemd/linger/web";
constexpr std::uint32_t web = 990;

// A logind that knows web alone.
class FakeLogind final : public host::ServiceManager {
  public:
    explicit FakeLogind(const Tree& tree) : tree_(tree) {}

    std::vector<std::string> asked{};
    std::optional<Error> answer{};  // instead of doing anything
    std::optional<Error> then{};    // after it was done

    Result<void> set_linger(std::uint32_t uid, bool linger) override {
        asked.push_back((linger ? "linger " : "no-linger ") + std::to_string(uid));
        if (answer)
            return Failure(*answer);
        if (uid != web)
            return fail(Code::not_found, "no such user");
        EXPECT_TRUE(tests::linger_as_logind_does(tree_.path(), "web", linger));
        if (then && linger)
            return Failure(*then);
        return {};
    }

    Result<std::string> active_state(const std::string&) override { return unexpected(); }

    Result<void> start(const std::string&) override { return unexpected(); }

    Result<void> stop(const std::string&) override { return unexpected(); }

    Result<void> restart(const std::string&) override { return unexpected(); }

    Result<void> reload_manager() override { return unexpected(); }

  private:
    static Failure unexpected() {
        ADD_FAILURE() << "units are logind's business here";
        return fail(Code::internal, "unexpected");
    }

    const Tree& tree_;
};

host::Executor open(const host::Host& h, host::ServiceManager* services) {
    auto e = host::Executor::open(h, state_dir, services);
    EXPECT_TRUE(e) << e.error().message;
    return std::move(e).value();
}

bool lingers(const Tree& tree) {
    return std::filesystem::exists(tree.path(file));
}

TEST(Linger, IsLogindsToSetAndToTakeBack) {
    const Tree tree{{"/etc/passwd", ""}};
    FakeLogind logind(tree);
    const auto h = tree.live_host();
    const std::string before = tree.snapshot();
    {
        auto e = open(h, &logind);
        ASSERT_TRUE(e.apply("c", "s", SetLinger{"web", web, true}));
        EXPECT_TRUE(lingers(tree));
        ASSERT_TRUE(e.apply("c", "s", SetLinger{"web", web, true})) << "a second time there is nothing to do";
        EXPECT_THAT(logind.asked, ElementsAre("linger 990"));
    }
    const auto journal = host::read_journal(h, state_dir);
    ASSERT_TRUE(journal);
    EXPECT_EQ(journal->at(0).steps.at(0).what, "let web linger");
    EXPECT_EQ(journal->at(0).steps.at(0).target, file);
    auto another_run = open(h, &logind);
    ASSERT_TRUE(another_run.undo(1));
    EXPECT_THAT(logind.asked, ElementsAre("linger 990", "no-linger 990"));
    EXPECT_EQ(tree.snapshot(), before);
    ASSERT_TRUE(another_run.undo(1)) << "twice is harmless";
    EXPECT_EQ(logind.asked.size(), 2U);
}

TEST(Linger, WhoLingeredGetsTheVerySameFileBack) {
    const Tree tree{{file, "by hand\n"}};
    ASSERT_EQ(::chmod(tree.path(file).c_str(), 0600), 0);
    FakeLogind logind(tree);
    const auto h = tree.live_host();
    const std::string before = tree.snapshot();
    auto e = open(h, &logind);
    ASSERT_TRUE(e.apply("c", "s", SetLinger{"web", web, false}));
    EXPECT_FALSE(lingers(tree));
    ASSERT_TRUE(e.undo(1));
    EXPECT_THAT(logind.asked, ElementsAre("no-linger 990", "linger 990"));
    EXPECT_EQ(tree.snapshot(), before);
}

// No manager at all, no logind, a user whom it does not know, a user whose uid is not known, an image.
TEST(Linger, WithoutLogindItIsTheFileAlone) {
    for (const bool before : {false, true})
        for (int kind = 0; kind < 5; ++kind) {
            SCOPED_TRACE(std::to_string(kind) + (before ? ", lingers" : ""));
            const Tree tree;
            if (before)
                tree.write(file, "", 0640);
            FakeLogind logind(tree);
            if (kind == 1)
                logind.answer = fail(Code::unsupported, "nobody there").error();
            const std::string first = tree.snapshot();
            const auto h = kind == 4 ? tree.host() : tree.live_host();
            auto e = open(h, kind == 0 ? nullptr : &logind);
            const std::optional<std::uint32_t> uid = kind == 2   ? std::optional(77U)
                                                     : kind == 3 ? std::nullopt
                                                                 : std::optional(web);
            const auto applied = e.apply("c", "s", SetLinger{"web", uid, !before});
            ASSERT_TRUE(applied) << applied.error().message;
            EXPECT_EQ(lingers(tree), !before);
            if (!before) {
                struct stat st{};
                ASSERT_EQ(::stat(tree.path(file).c_str(), &st), 0);
                EXPECT_EQ(st.st_mode & 07777, 0644U);
                EXPECT_EQ(st.st_size, 0);
            }
            ASSERT_TRUE(e.undo(1));
            EXPECT_EQ(tree.snapshot(), first);
            if (kind >= 3) {
                EXPECT_THAT(logind.asked, IsEmpty());
            }
        }
}

TEST(Linger, WhatFailsIsTakenBackThroughLogindToo) {
    const Tree tree;
    FakeLogind logind(tree);
    logind.then = fail(Code::io, "user@990.service failed").error();
    const auto h = tree.live_host();
    const std::string before = tree.snapshot();
    auto e = open(h, &logind);
    const auto applied = e.apply("c", "s", SetLinger{"web", web, true});
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, Code::io);
    EXPECT_THAT(logind.asked, ElementsAre("linger 990", "no-linger 990"));
    EXPECT_EQ(tree.snapshot(), before);
    EXPECT_EQ(host::read_journal(h, state_dir)->at(0).steps.at(0).state, host::JournalStep::State::not_done);
}

TEST(Linger, ARefusalIsAnErrorAndChangesNothing) {
    const Tree tree;
    FakeLogind logind(tree);
    logind.answer = fail(Code::permission, "not allowed").error();
    const auto h = tree.live_host();
    const std::string before = tree.snapshot();
    auto e = open(h, &logind);
    EXPECT_EQ(e.apply("c", "s", SetLinger{"web", web, true}).error().code, Code::permission);
    EXPECT_EQ(tree.snapshot(), before);
}

TEST(Linger, UndoAsksForNothingThatSomebodyHasDoneAlready) {
    const Tree tree;
    FakeLogind logind(tree);
    const auto h = tree.live_host();
    auto e = open(h, &logind);
    ASSERT_TRUE(e.apply("c", "s", SetLinger{"web", web, true}));
    ASSERT_TRUE(tests::linger_as_logind_does(tree.path(), "web", false));
    ASSERT_TRUE(e.undo(1));
    EXPECT_THAT(logind.asked, ElementsAre("linger 990"));
}

TEST(Linger, OnlyAFileOfThatNameIsTouched) {
    const Tree tree{{"/etc/passwd", ""}};
    tree.link(file, "/etc/passwd");
    tree.directory("/var/lib/systemd/linger/dir");
    FakeLogind logind(tree);
    const auto h = tree.live_host();
    const std::string before = tree.snapshot();
    auto e = open(h, &logind);
    for (const char* name : {"", ".", "..", "a/b", "../../x"})
        EXPECT_EQ(e.apply("c", "s", SetLinger{name, web, true}).error().code, Code::invalid_input) << name;
    EXPECT_EQ(e.apply("c", "s", SetLinger{"web", web, true}).error().code, Code::integrity);
    EXPECT_EQ(e.apply("c", "s", SetLinger{"dir", web, false}).error().code, Code::integrity);
    EXPECT_EQ(tree.snapshot(), before);
    EXPECT_THAT(logind.asked, IsEmpty());
}

TEST(Linger, APlanShowsTheFile) {
    const Tree tree;
    const auto all = host::preview(tree.live_host(), state_dir, {SetLinger{"web", web, true}});
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 1U);
    EXPECT_EQ(all->front().target, file);
    EXPECT_TRUE(all->front().is_file);
    EXPECT_EQ(all->front().before, std::nullopt);
    EXPECT_EQ(host::describe(SetLinger{"web", web, false}), "do not let web linger");
}
}  // namespace
