// SPDX-License-Identifier: Apache-2.0
#include "core/host/subid_allocator.hpp"

#include <gtest/gtest.h>

#include <random>

namespace plimsoll::host {
namespace {

TEST(Allocator, FirstBlockOfShadowsWindowIs131072) {
    EXPECT_EQ(find_free_block(taken_ids({}), default_subid_window, 65536), 131072U);
}

TEST(Allocator, KeepsClearOfEverySource) {
    const auto subuid = parse_subid("alice:100000:65536\n", "/etc/subuid");  // touches block 131072
    const auto subgid =
        parse_subid("bob:0600001:1\ncarl:0x40001:1\n", "/etc/subgid");  // 196609 octal, 262145
    Accounts accounts;
    accounts.users.push_back({"ldap", 327680, 1, "/", "/", "/etc/passwd:1"});
    accounts.groups.push_back({"ldap", 400000, {}, "/etc/group:1"});
    Process process;
    process.user_ns = 4026532000;
    process.uid_map = {{0, 1000, 1}, {1, 458752, 65536}};
    process.gid_map = {{0, 524288, 1}};
    const std::vector<Process> processes{process};
    const std::vector<LedgerEntry> ledger{{"gone", {589824, 655360}, true, false}};
    const auto taken = taken_ids({&subuid, &subgid, &accounts, &processes, ledger, false});
    EXPECT_EQ(find_free_block(taken, default_subid_window, 65536), 655360U);
    const auto machined = taken_ids({&subuid, &subgid, &accounts, &processes, ledger, true});
    EXPECT_EQ(find_free_block(machined, default_subid_window, 65536), std::nullopt);
}

TEST(Allocator, NeverDelegatesReservedIds) {
    EXPECT_EQ(find_free_block(taken_ids({}), {0, 65536}, 65536), std::nullopt);
    EXPECT_EQ(find_free_block(taken_ids({}), {2147483648, 4294967296}, 65536), std::nullopt);
    for (const std::uint64_t id : {60001U, 60577U, 61184U, 65519U, 65534U, 65535U, 2147483648U, 4294967295U})
        EXPECT_TRUE(never_delegated().contains(id)) << id;
    for (const std::uint64_t id : {60000U, 60578U, 65520U, 65536U, 2147483647U})
        EXPECT_FALSE(never_delegated().contains(id)) << id;
}

TEST(Allocator, IgnoresTheInitialNamespacesIdentityMap) {
    Process init;
    init.user_ns = initial_user_ns;
    init.uid_map = {{0, 0, 0xffffffffU}};
    const std::vector<Process> processes{init};
    EXPECT_EQ(find_free_block(taken_ids({.processes = &processes}), default_subid_window, 65536), 131072U);
}

// Random files, allocations recorded in the ledger and lines removed again: no block is ever given out twice,
// and none touches a line of any view.
TEST(Allocator, NeverOverlapsAndNeverReuses) {
    std::mt19937 random(20261123);
    const auto below = [&](std::uint32_t n) { return random() % n; };
    for (int round = 0; round < 200; ++round) {
        std::string text;
        const char* bases[] = {"", "0", "0x"};
        for (std::uint32_t i = 0; i < below(20); ++i)
            text += "u" + std::to_string(i) + ":" + bases[below(3)] +
                    std::to_string(100000 + below(2000000)) + ":" + std::to_string(below(200000)) + "\n";
        const auto subuid = parse_subid(text, "/etc/subuid");
        std::vector<LedgerEntry> ledger;
        RangeSet given;
        for (int i = 0; i < 12; ++i) {
            const std::uint64_t count = 1 + below(150000);
            const auto start =
                find_free_block(taken_ids({.subuid = &subuid, .ledger = ledger}), {100000, 4000000}, count);
            if (!start)
                break;
            const Range block = range_of(*start, count);
            EXPECT_EQ(*start % subid_block, 0U);
            EXPECT_FALSE(given.intersects(block)) << text;
            EXPECT_TRUE(occupied(subuid)
                            .intersection([&] {
                                RangeSet s;
                                s.add(block);
                                return s;
                            }())
                            .ranges()
                            .empty())
                << text;
            EXPECT_LE(block.end, 4000000U);
            given.add(block);
            ledger.push_back({"u", block, true, true});
        }
    }
}

}  // namespace
}  // namespace plimsoll::host
