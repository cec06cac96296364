// SPDX-License-Identifier: Apache-2.0
#include "agentctl/service_helper.hpp"

#include <gtest/gtest.h>

namespace plimsoll::agentctl {
namespace {

class FakeRunner final : public host::Runner {
  public:
    explicit FakeRunner(host::Outcome outcome, std::vector<std::string>& argv)
        : outcome_(std::move(outcome)), argv_(argv) {}

    Result<host::Outcome> run(const host::Command& command) override {
        argv_ = command.argv;
        return outcome_;
    }

  private:
    host::Outcome outcome_;
    std::vector<std::string>& argv_;
};

HelperServiceManager with(host::Outcome outcome, std::vector<std::string>& argv) {
    return {std::make_unique<FakeRunner>(std::move(outcome), argv), "/x/plimsoll-units"};
}

TEST(ServiceHelper, PassesTheRequestAsArguments) {
    std::vector<std::string> argv;
    auto services = with({0, "active\n", ""}, argv);
    EXPECT_EQ(*services.active_state("a.service"), "active");
    EXPECT_EQ(argv, (std::vector<std::string>{"/x/plimsoll-units", "active-state", "a.service"}));
    EXPECT_TRUE(services.start("a.service"));
    EXPECT_EQ(argv[1], "start");
    EXPECT_TRUE(services.stop("a.service"));
    EXPECT_EQ(argv[1], "stop");
    EXPECT_TRUE(services.restart("a.service"));
    EXPECT_EQ(argv[1], "restart");
    EXPECT_TRUE(services.reload_manager());
    EXPECT_EQ(argv, (std::vector<std::string>{"/x/plimsoll-units", "reload-manager"}));
    EXPECT_TRUE(services.set_linger(990, true));
    EXPECT_EQ(argv, (std::vector<std::string>{"/x/plimsoll-units", "linger", "990"}));
    EXPECT_TRUE(services.set_linger(990, false));
    EXPECT_EQ(argv[1], "no-linger");
}

TEST(ServiceHelper, KeepsTheCodeAndTheMessageOfAnError) {
    std::vector<std::string> argv;
    const auto not_found =
        with({helper_error_base + static_cast<int>(Code::not_found), "", "no\x1b unit\n"}, argv).start("x");
    ASSERT_FALSE(not_found);
    EXPECT_EQ(not_found.error().code, Code::not_found);
    EXPECT_EQ(not_found.error().message, "no\\x1b unit");
    const auto killed = with({137, "", ""}, argv).stop("x");
    ASSERT_FALSE(killed);
    EXPECT_EQ(killed.error().code, Code::internal);
    EXPECT_NE(killed.error().message.find("137"), std::string::npos);
}

TEST(ServiceHelper, IsFoundBesideTheProgram) {
    EXPECT_EQ(helper_beside("/usr/bin/agentctl"), "/usr/libexec/plimsoll/plimsoll-units");
    EXPECT_EQ(helper_beside("/usr/local/sbin/agentctl"), "/usr/local/libexec/plimsoll/plimsoll-units");
    EXPECT_EQ(helper_beside("/src/build/dev/agentctl/agentctl"), "/src/build/dev/agentctl/plimsoll-units");
    EXPECT_EQ(helper_beside("/usr/bin/agentctl", live_name), "/usr/libexec/plimsoll/plimsoll-live");
    EXPECT_EQ(own_helper("x").substr(0, 1), "/");
}

}  // namespace
}  // namespace plimsoll::agentctl
