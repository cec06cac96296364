// SPDX-License-Identifier: Apache-2.0
#include "core/host/disabled_controllers.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

using Names = std::vector<std::string>;

TEST(DisabledControllers, SlicesFromTheRootDown) {
    EXPECT_EQ(slices_down_to("-.slice"), (Names{"-.slice"}));
    EXPECT_EQ(slices_down_to("user.slice"), (Names{"-.slice", "user.slice"}));
    EXPECT_EQ(slices_down_to("user-1000.slice"), (Names{"-.slice", "user.slice", "user-1000.slice"}));
    EXPECT_EQ(slices_down_to("user-.slice"), (Names{"-.slice", "user.slice", "user-.slice"}))
        << "that of every user";
    EXPECT_EQ(slices_down_to("a-b-c.slice"), (Names{"-.slice", "a.slice", "a-b.slice", "a-b-c.slice"}));
}

TEST(DisabledControllers, AnEmptyValueTakesBackWhatTheUnitSaid) {
    DisabledControllers out{{{"io", "above:1"}}};
    UnitFile unit{.name = "user.slice"};
    unit.settings = parse_unit(
        "[Slice]\nDisableControllers=cpu\nDisableControllers=\nDisableControllers=pids io\n"
        "[Service]\nDisableControllers=memory\n",
        "f");
    add_disabled(unit, out);
    EXPECT_EQ(out.by_name,
              (std::map<std::string, std::string, std::less<>>{{"io", "above:1"}, {"pids", "f:4"}}));
}

}  // namespace
}  // namespace plimsoll::host
