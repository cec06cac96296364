// SPDX-License-Identifier: Apache-2.0
#include "core/host/remedy.hpp"

#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

namespace {
using namespace plimsoll;
using policy::Assessment;
using policy::Finding;
using policy::Status;

Finding finding(std::string subject, Status status, std::string message = "as found") {
    Finding out;
    out.control = "x.y";
    out.subject = std::move(subject);
    out.status = status;
    out.message = std::move(message);
    return out;
}

// What is said of a fix for "alice" that writes a file, when the control says `after` from then on.
Result<std::vector<std::string>> fix(const std::vector<Finding>& before, const std::vector<Finding>& after) {
    const tests::Tree tree;
    const auto host = tree.host();
    auto executor = host::Executor::open(host, "/var/lib/plimsoll", nullptr);
    EXPECT_TRUE(executor) << executor.error().message;
    Finding f = finding("alice", Status::fail);
    f.fix = policy::Fix{};
    f.fix->changes.push_back(policy::WriteFile{.path = "/etc/x", .content = "1\n"});
    return host::carry_out_fix(f, Assessment{before}, *executor,
                               [&](const std::string&) { return Assessment{after}; });
}

TEST(Remedy, IsDoneWhenTheFailureIsGoneAndNothingElseIsHidden) {
    const auto failing = finding("alice", Status::fail);
    const auto blind = finding("users", Status::unknown);
    EXPECT_TRUE(fix({failing}, {finding("alice", Status::pass)}));
    EXPECT_TRUE(fix({failing, blind}, {finding("alice", Status::pass), blind})) << "that was unknown before";
}

TEST(Remedy, IsNotDoneWhileItFails) {
    const auto failing = finding("alice", Status::fail);
    EXPECT_EQ(fix({failing}, {failing}).error().code, Code::integrity);
    const auto other = finding("alice", Status::fail, "something else");
    EXPECT_EQ(fix({failing, other}, {failing}).error().code, Code::integrity)
        << "another failure went, not this";
    EXPECT_TRUE(fix({failing, failing}, {failing})) << "one of two alike is mended";
}

TEST(Remedy, IsNotDoneWhenTheControlWentBlindWhateverSubjectItNames) {
    for (const char* subject : {"alice", "users", ""}) {
        const auto done =
            fix({finding("alice", Status::fail)}, {finding(subject, Status::unknown, "unreadable")});
        ASSERT_FALSE(done) << subject;
        EXPECT_EQ(done.error().code, Code::integrity);
        EXPECT_NE(done.error().message.find("cannot be observed after its fix: unreadable"),
                  std::string::npos);
    }
}

}  // namespace
