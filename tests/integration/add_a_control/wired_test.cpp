// SPDX-License-Identifier: Apache-2.0
// The module of docs/add-a-control.md, added to the list of modules as the page says, is known to the engine.
#include "core/policy/engine.hpp"
#include "modules/all.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

TEST(AddAControl, TheModuleIsPartOfACheckAndItsParameterOfThePolicy) {
    const auto modules = modules::all();
    const auto catalogue = policy::catalogue_of(modules);
    ASSERT_NE(catalogue.find("kmsg.dmesg-restrict"), nullptr);
    const auto policy =
        policy::compile_policy({{"/etc/plimsoll/policy.d/50-kmsg.toml",
                                 "[control.\"kmsg.dmesg-restrict\"]\nmode = \"enforce\"\nlevel = 1\n"}},
                               catalogue);
    ASSERT_TRUE(policy.has_value()) << policy.error().at(0);
    const tests::Tree tree{{"/proc/sys/kernel/dmesg_restrict", "0\n"}};
    const auto found = policy::assess(modules, tree.live_host(), *policy, {{"kmsg.*"}}, Time{});
    ASSERT_EQ(found.findings.size(), 1U);
    EXPECT_EQ(found.findings[0].status, policy::Status::fail);
    EXPECT_EQ(found.findings[0].mode, policy::Mode::enforce);
}

}  // namespace
}  // namespace plimsoll
