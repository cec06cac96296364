// SPDX-License-Identifier: Apache-2.0
#include "core/host/login_defs.hpp"

#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

TEST(LoginDefs, AreReadAsShadowReadsThem) {
    const auto d = parse_login_defs(
        "# UID_MIN 5\n"
        "UID_MIN\t\t 1000  \n"
        "  UID_MAX \"0xEA60\"\n"
        "SYS_UID_MIN 0144\n"
        "LONELY\n"
        "SUB_UID_MIN 1\nSUB_UID_MIN 200000",
        "/etc/login.defs");
    EXPECT_EQ(d.number("UID_MIN").value(), 1000U);
    EXPECT_EQ(d.number("UID_MAX").value(), 60000U);
    EXPECT_EQ(d.number("SYS_UID_MIN").value(), 100U) << "octal";
    EXPECT_EQ(d.number("SUB_UID_MIN").value(), 200000U) << "the last one wins, with no newline too";
    EXPECT_EQ(d.number("LONELY").value(), std::nullopt);
    EXPECT_EQ(d.settings.at("UID_MAX").source, "/etc/login.defs:3");
}

TEST(LoginDefs, RangesHaveShadowsDefaults) {
    const LoginDefs none;
    EXPECT_EQ(none.system_uids().value(), (Range{101, 1000}));
    EXPECT_EQ(none.regular_uids().value(), (Range{1000, 60001}));
    EXPECT_EQ(none.subids().value(), (Range{100000, 600100001}));
    const auto moved = parse_login_defs("UID_MIN 500\n", "f");
    EXPECT_EQ(moved.system_uids().value(), (Range{101, 500})) << "SYS_UID_MAX follows UID_MIN";
}

TEST(LoginDefs, NamesTheLineOfWhatIsNoNumber) {
    for (const char* value : {"ten", "-1", "4294967296", "99999999999999999999999", "0x", "1 2", "08"}) {
        const auto d = parse_login_defs("A 1\nUID_MIN " + std::string(value) + "\n", "/etc/login.defs");
        const auto range = d.regular_uids();
        ASSERT_FALSE(range) << value;
        EXPECT_EQ(range.error().code, Code::invalid_input);
        EXPECT_TRUE(range.error().message.starts_with("/etc/login.defs:2: ")) << range.error().message;
    }
    EXPECT_FALSE(parse_login_defs("UID_MIN 70000\n", "f").regular_uids()) << "above UID_MAX";
    EXPECT_FALSE(parse_login_defs("UID_MIN 0\n", "f").system_uids()) << "nothing is below 0";
}

TEST(LoginDefs, AreReadFromTheVendorWhenEtcHasNone) {
    const tests::Tree tree{{"/usr/etc/login.defs", "UID_MIN 2000\n"}};
    EXPECT_EQ(read_login_defs(tree.host().root()).value().number("UID_MIN").value(), 2000U);
    tree.write("/etc/login.defs", "UID_MIN 3000\n");
    EXPECT_EQ(read_login_defs(tree.host().root()).value().number("UID_MIN").value(), 3000U);
    tree.fifo("/etc/login.defs");
    EXPECT_EQ(read_login_defs(tree.host().root()).error().code, Code::integrity);
    EXPECT_TRUE(read_login_defs(tests::Tree{}.host().root()).value().settings.empty());
}

}  // namespace
}  // namespace plimsoll::host
