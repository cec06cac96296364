// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/requests.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Requests, EmptyMeansAll) {
    const auto filter = read_filter("", " ", "");
    ASSERT_TRUE(filter);
    EXPECT_THAT(filter->controls, IsEmpty());
    EXPECT_THAT(filter->statuses, IsEmpty());
    EXPECT_FALSE(filter->at_least);
}

TEST(Requests, ReadsWords) {
    const auto filter = read_filter("subuid.* ctr.x", "fail not-applicable", "high");
    ASSERT_TRUE(filter);
    EXPECT_THAT(filter->controls, ElementsAre("subuid.*", "ctr.x"));
    EXPECT_THAT(filter->statuses, ElementsAre(policy::Status::fail, policy::Status::not_applicable));
    EXPECT_EQ(*filter->at_least, policy::Severity::high);
}

TEST(Requests, RefusesWhatItDoesNotKnowAndShowsItSafely) {
    EXPECT_THAT(read_filter("", "fial", "").error().message, HasSubstr("\"fial\""));
    EXPECT_THAT(read_filter("", "", "\x1b[31m").error().message, HasSubstr("\\x1b"));
    EXPECT_EQ(read_apply("", false, "never-automatic").error().code, Code::invalid_input);
    EXPECT_EQ(read_apply("", false, "all").error().code, Code::invalid_input);
    EXPECT_EQ(read_apply("", true, "reboot")->allow, policy::FixClass::reboot);
    EXPECT_EQ(read_apply("", true, "")->allow, policy::FixClass::live);
}

TEST(Requests, BoundsTheWork) {
    EXPECT_FALSE(read_filter(std::string(max_list_bytes + 1, 'a'), "", ""));
    std::string many;
    for (std::size_t i = 0; i <= max_words; ++i)
        many += "a ";
    EXPECT_FALSE(read_filter(many, "", ""));
    EXPECT_FALSE(read_filter("*a*a*a*a*a*a*a*a*b", "", ""));
    EXPECT_TRUE(read_filter("*a*a*a*", "", ""));
}

TEST(Requests, HistoryHasLimits) {
    EXPECT_FALSE(read_history(0, 0, "", 0));
    EXPECT_FALSE(read_history(0, 0, "", max_history + 1));
    EXPECT_FALSE(read_history(0, UINT64_MAX, "", 1));
    const auto query = read_history(5, 1'700'000'000, "a.b", 10);
    ASSERT_TRUE(query);
    EXPECT_EQ(query->after, 5U);
    EXPECT_EQ(query->since->time_since_epoch().count(), 1'700'000'000);
    EXPECT_FALSE(read_history(5, 0, "", 10)->since);
}

}  // namespace
}  // namespace plimsoll::daemon
