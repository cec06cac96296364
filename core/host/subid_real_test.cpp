// SPDX-License-Identifier: Apache-2.0
// The shadow view compared with shadow itself: the installed getsubids(1) and newuidmap(1) read the same
// bytes, mounted over /etc/subuid in a mount namespace of their own.
#include "core/host/runner.hpp"
#include "core/host/subid.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <random>

namespace plimsoll::host {
namespace {

constexpr const char* owner = "u";

class RealShadow : public testing::Test {
  protected:
    void SetUp() override {
        tree_.write("/subuid", "");
        if (!under_subuid("exit 0") || !under_subuid("command -v getsubids newuidmap setpriv"))
            GTEST_SKIP() << "needs root, mount namespaces, uidmap and util-linux";
    }

    // Output of a script that sees `tree_`'s file as /etc/subuid; nullopt when it fails.
    std::optional<std::string> under_subuid(const std::string& script) {
        const std::string mounted = "mount --bind \"$1\" /etc/subuid && { " + script + "; }";
        const auto done =
            runner_.run({.argv = {"/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
                                  mounted, "sh", tree_.path("/subuid").string()},
                         .deadline = std::chrono::seconds(30)});
        if (!done || done->exit_code != 0)
            return std::nullopt;
        return done->out;
    }

    tests::Tree tree_;
    ProcessRunner runner_;
};

// As getsubids prints them: "0: u 100000 65536".
std::string ours(const std::string& text) {
    std::string out;
    int n = 0;
    const auto file = parse_subid(text, "/etc/subuid");
    for (const auto& line : file.lines)
        if (const auto& e = line.in(SubidView::shadow); e && e->owner == owner)
            out += std::to_string(n++) + ": " + owner + " " + std::to_string(e->start) + " " +
                   std::to_string(e->count) + "\n";
    return out;
}

std::string random_line(std::mt19937& random) {
    static const std::vector<std::string> owners{"u", "u", "u", "u", " u", "#u", "+u", "-u", "v", "", "u\t"};
    static const std::vector<std::string> numbers{"100000",
                                                  "65536",
                                                  "0",
                                                  "00",
                                                  "0x186A0",
                                                  "0X1f",
                                                  "0100000",
                                                  "08",
                                                  "-1",
                                                  "+5",
                                                  " 7",
                                                  "7 ",
                                                  "0x",
                                                  "x",
                                                  "",
                                                  "1e3",
                                                  "4294967296",
                                                  "9223372036854775807",
                                                  "9223372036854775808",
                                                  "-9223372036854775808",
                                                  "99999999999999999999",
                                                  "\t9",
                                                  "0x-1",
                                                  "--1",
                                                  "1\r"};
    static const std::vector<std::string> ends{"", "", "", "", ":", ":x", "\r", " ", "\t"};
    const auto one_of = [&](const std::vector<std::string>& v) { return v[random() % v.size()]; };
    return one_of(owners) + ":" + one_of(numbers) + ":" + one_of(numbers) + one_of(ends);
}

TEST_F(RealShadow, ListsWhatTheShadowViewReads) {
    std::mt19937 random(413);
    for (int round = 0; round < 40; ++round) {
        std::string text;
        for (int i = 0; i < 30; ++i)
            text += random_line(random) + "\n";
        text += "u:5:5";  // getsubids fails when there is nothing; the last newline is missing now and then
        text += round % 2 == 0 ? "\n" : "";
        tree_.write("/subuid", text);
        const auto real = under_subuid("getsubids u");
        ASSERT_TRUE(real) << text;
        EXPECT_EQ(ours(text), *real) << text;
    }
}

TEST_F(RealShadow, DropsLongLinesAndJoinsAtNul) {
    using namespace std::string_literals;
    for (const auto& text :
         {"u:1:2\n" + std::string(1020, ' ') + "u:3:4\nu:5:6\n", "u:10\0x\n0000:5\n"s,
          "u:1:2\n\0u:3:4\nu:5:6\n"s, "u:1:2:" + std::string(1017, 'x') + "\nu:5:6\n",
          "u:1:2:" + std::string(1018, 'x') + "\nu:5:6\n", "u:1:" + std::string(1019, '0') + "\nu:5:6\n",
          "u:" + std::string(5000, '0') + "\0\n7:1\nu:5:6\n"s,
          "u:10\0"s + std::string(3000, 'x') + "\n000:5\n"}) {
        tree_.write("/subuid", text);
        const auto real = under_subuid("getsubids u");
        ASSERT_TRUE(real) << text;
        EXPECT_EQ(ours(text), *real);
    }
}

// For each line, newuidmap lets `nobody` map exactly the ids that handed_out() says.
TEST_F(RealShadow, GrantsWhatIsHandedOut) {
    struct Case {
        std::string numbers;
        std::vector<std::uint64_t> ids;
    };

    const std::vector<Case> cases{
        {"0:0", {0, 1000, 4294967294}},
        {"5:0", {4, 5, 6}},
        {"100000:2", {99999, 100000, 100001, 100002}},
        {"-1:2", {0, 1}},
        {"1:-1", {1, 2, 0}},
        {"4294967296:1", {0}},
        {"010:1", {8, 10}},
    };
    for (const auto& c : cases)
        for (const auto id : c.ids) {
            SCOPED_TRACE(c.numbers + " id " + std::to_string(id));
            const std::string text = "nobody:" + c.numbers + "\n";
            tree_.write("/subuid", text);
            const auto file = parse_subid(text, "/etc/subuid");
            const auto& entry = file.lines.front().in(SubidView::shadow);
            const bool expected = entry && handed_out(*entry, SubidView::shadow).contains(id);
            const auto real = under_subuid(
                "exec setpriv --reuid 65534 --regid 65534 --clear-groups /bin/sh -c 'unshare -U sleep 9 & "
                "p=$!; "
                "i=0; while [ \"$(readlink /proc/$p/ns/user)\" = \"$(readlink /proc/$$/ns/user)\" ] && "
                "[ $i -lt 200 ]; do i=$((i+1)); sleep 0.02; done; "
                "newuidmap $p 0 " +
                std::to_string(id) + " 1 >/dev/null 2>&1 && echo granted || echo refused; kill $p'");
            ASSERT_TRUE(real);
            EXPECT_EQ(*real, expected ? "granted\n" : "refused\n");
        }
}

}  // namespace
}  // namespace plimsoll::host
