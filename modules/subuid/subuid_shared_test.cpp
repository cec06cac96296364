// SPDX-License-Identifier: Apache-2.0
// A03, and what many lines that overlap come to.
#include "core/host/executor.hpp"
#include "modules/subuid/test_support.hpp"

#include <array>
#include <bitset>
#include <chrono>
#include <map>
#include <random>
#include <set>

namespace plimsoll::modules::subuid {
namespace {

constexpr std::string_view fine = "alice:100000:65536\nbob:165536:65536\n";

TEST(RangeOverlap, ComparesHalfOpenRangesByOwner) {
    expect_cases(
        "subuid.range-overlap",
        {
            {"adjacent", std::string(fine), std::string(fine), {"pass host"}},
            {"empty", "", "", {"not-applicable host"}},
            {"same start", "alice:100000:65536\nbob:100000:65536\n", "", {"fail alice,bob high fixable"}},
            {"one id", "alice:100000:65537\nbob:165536:65536\n", "", {"fail alice,bob high fixable"}},
            {"inside", "alice:100000:65536\nbob:110000:10\n", "", {"fail alice,bob high fixable"}},
            {"in the group file", "", "bob:110000:10\nalice:100000:65536\n", {"fail bob,alice high fixable"}},
            {"uid against gid is nothing", "alice:100000:65536\n", "bob:100000:65536\n", {"pass host"}},
            {"name and number are one owner", "alice:100000:65536\n1000:100000:65536\n", "", {"pass host"}},
            {"octal overlaps for shadow",
             "alice:32768:10\nbob:0100000:10\n",
             "",
             {"fail alice,bob high by-hand"}},
            {"octal overlaps for Go",
             "alice:100000:10\nbob:0100000:10\n",
             "",
             {"fail alice,bob high by-hand"}},
            {"covered by a later, longer one",
             "alice:100000:10\nalice:100000:99\nbob:100050:1\n",
             "",
             {"fail alice,bob high fixable"}},
            {"prized owner",
             "alice:100000:65536\ncontainers:100000:65536\n",
             "",
             {"fail alice,containers critical fixable"}},
        });
}

TEST(RangeOverlap, TheOwnerWithoutDataMoves) {
    const Tree tree;
    fill(tree, "alice:100000:65536\nbob:100000:65536\n", "alice:100000:65536\nbob:150000:10\nbob:300000:5\n");
    const auto fix = [&](const Options& o = {}) {
        return judge(tree, "subuid.range-overlap", o).front().fix->changes;
    };
    EXPECT_EQ(fix(), (std::vector<policy::Change>{policy::AllocateRange{"bob", 196608, 65536, true, false},
                                                  policy::AllocateRange{"bob", 262144, 10, false, true},
                                                  policy::EditLines{"/etc/subuid", {"bob:100000:65536"}},
                                                  policy::EditLines{"/etc/subgid", {"bob:150000:10"}}}))
        << "the other line of bob stays";
    tree.directory("/home/bob/.local/share/containers/storage");
    fill(tree, "alice:100000:65536\nbob:100000:65536\n", "alice:100000:65536\nbob:100000:65536\n");
    EXPECT_EQ(fix(), (std::vector<policy::Change>{policy::AllocateRange{"alice", 196608, 65536, true, true},
                                                  policy::EditLines{"/etc/subuid", {"alice:100000:65536"}},
                                                  policy::EditLines{"/etc/subgid", {"alice:100000:65536"}}}));
    tree.write("/home/alice/.config/containers/storage.conf", "");
    EXPECT_TRUE(fix().empty()) << "her storage may be anywhere";
    tree.remove("/home/alice");
    tree.write("/etc/containers/storage.conf", "[storage]\nrootless_storage_path = \"/srv/$USER\"\n");
    EXPECT_TRUE(fix().empty()) << "everybody's storage may be there";
    tree.remove("/etc/containers");
    EXPECT_FALSE(fix().empty());
    Options o;
    o.params.scan_max_entries = 0;
    tree.write("/home/bob/.local/share/containers/storage/x", "");
    EXPECT_TRUE(fix(o).empty()) << "not everything was seen";
    tree.write("/var/lib/plimsoll/subid-ledger", "garbage\n");
    EXPECT_TRUE(fix().empty()) << "nothing can be given out";
}

TEST(RangeOverlap, WhoseHomeCannotBeSeenDoesNotMove) {
    const Tree tree;
    fill(tree, "hugo:600000:65536\nadam:600000:65536\n", "");
    write_homed(tree, "hugo", 60231);
    write_homed(tree, "adam", 60232);
    EXPECT_EQ(brief(judge(tree, "subuid.range-overlap")),
              std::vector<std::string>{"fail hugo,adam high by-hand"});
}

TEST(RangeOverlap, NobodyMovesWhileAProcessUsesTheIds) {
    const Tree tree;
    fill(tree, "alice:100000:65536\nbob:100000:65536\n", "");
    Facts facts = Subuid::observe(tree.host(), {}, {});
    facts.live = true;
    host::Process p;
    p.pid = 20;
    p.user_ns = 5000;
    p.uid_map = p.gid_map = std::vector<host::IdMapLine>{{1, 165535, 1}};
    facts.processes = std::vector<host::Process>{p};
    const auto found = [&] { return brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.range-overlap")); };
    EXPECT_EQ(found(), std::vector<std::string>{"fail alice,bob high by-hand"});
    facts.processes->front().uid_map = facts.processes->front().gid_map =
        std::vector<host::IdMapLine>{{1, 165536, 1}};
    EXPECT_EQ(found(), std::vector<std::string>{"fail alice,bob high fixable"});
    facts.processes = fail(Code::permission, "/proc");
    EXPECT_EQ(found(), std::vector<std::string>{"fail alice,bob high by-hand"});
}

TEST(RangeOverlap, OwnersThatHangTogetherAreOneFinding) {
    expect_cases("subuid.range-overlap",
                 {
                     {"all the same ids",
                      "alice:100000:9\nghost:100000:9\nbob:100000:9\n",
                      "",
                      {"fail alice,ghost,bob high fixable"}},
                     {"a chain, whose middle moves",
                      "alice:100000:10\nbob:100005:10\nghost:100010:10\n",
                      "",
                      {"fail alice,bob,ghost high fixable"}},
                     {"one over the other two",
                      "alice:100000:100\nbob:100000:10\nghost:100050:10\n",
                      "",
                      {"fail alice,bob,ghost high fixable"}},
                     {"tied by the group file",
                      "alice:100000:9\nbob:100000:9\n",
                      "bob:200000:9\nghost:200000:9\n",
                      {"fail alice,bob,ghost high fixable"}},
                     {"two groups",
                      "alice:100000:9\nghost:200000:9\nbob:100000:9\nspook:200000:9\n",
                      "",
                      {"fail alice,bob high fixable", "fail ghost,spook high by-hand"}},
                     {"two that cannot move",
                      "ghost:100000:9\nbob:100000:9\nspook:100000:9\n",
                      "",
                      {"fail ghost,bob,spook high by-hand"}},
                     {"more than are named",
                      "a:100000:9\nb:100000:9\nc:100000:9\nd:100000:9\ne:100000:9\ncontainers:100000:9\n",
                      "",
                      {"fail a,b,c,d and 2 more critical by-hand"}},
                 });
}

TEST(RangeOverlap, EachLineIsEvidenceOnce) {
    const Tree tree;
    fill(tree, "bob:100020:5\nalice:100000:100\nbob:300000:9\nghost:100010:5\n", "alice:100000:9\n");
    const auto found = judge(tree, "subuid.range-overlap");
    ASSERT_EQ(found.size(), 1U);
    const auto& evidence = found.front().evidence;
    ASSERT_EQ(evidence.size(), 3U);
    EXPECT_EQ(evidence[0].source, "/etc/subuid:2");
    EXPECT_EQ(evidence[0].found, "alice:100000:100");
    EXPECT_EQ(evidence[0].expected, "no other owner of 100010-100014");
    EXPECT_EQ(evidence[1].source, "/etc/subuid:4");
    EXPECT_EQ(evidence[1].expected, "no other owner of 100010-100014");
    EXPECT_EQ(evidence[2].source, "/etc/subuid:1");
    EXPECT_EQ(evidence[2].expected, "no other owner of 100020-100024");
}

TEST(RangeOverlap, ThoseWithoutDataMove) {
    const Tree tree;
    fill(tree, "alice:100000:65536\nghost:100000:65536\nbob:100000:10\nbob:100005:10\n", "");
    const auto found = judge(tree, "subuid.range-overlap");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.front().fix->summary,
              "give bob,alice, who have no containers and no storage, other ids instead");
    EXPECT_EQ(
        found.front().fix->changes,
        (std::vector<policy::Change>{
            policy::AllocateRange{"bob", 196608, 15, true, false},
            policy::AllocateRange{"alice", 262144, 65536, true, false},
            policy::EditLines{"/etc/subuid", {"bob:100000:10", "bob:100005:10", "alice:100000:65536"}}}))
        << "ids that bob lists twice are given once";
}

TEST(RangeOverlap, WithoutAccountsNamesAreComparedWithNamesOnly) {
    const auto found = [](const std::string& lines) {
        const Tree tree;
        fill(tree, lines, "");
        tree.remove("/etc/passwd");
        tree.fifo("/etc/passwd");
        return brief(judge(tree, "subuid.range-overlap"));
    };
    EXPECT_EQ(found("alice:100000:9\n1000:100000:9\n"), std::vector<std::string>{"unknown alice,1000"});
    EXPECT_EQ(found("alice:100000:9\nbob:100000:9\n"),
              std::vector<std::string>{"fail alice,bob high by-hand"});
    EXPECT_EQ(found("1001:100000:9\n1000:100000:9\n"),
              std::vector<std::string>{"fail 1001,1000 high by-hand"});
    // The line that reaches furthest must not hide that two names overlap for certain.
    EXPECT_EQ(found("alice:100000:9\n1000:100000:99\nbob:100001:9\n"),
              (std::vector<std::string>{"fail alice,bob high by-hand", "unknown alice,1000,bob"}));
}

// ---- against a model: one bit per id and owner ----

constexpr std::size_t model_ids = 512;
constexpr std::size_t model_owners = 5;

struct Model {
    struct Line {
        std::size_t owner;
        std::bitset<model_ids> ids;
    };

    std::vector<Line> lines{};

    void add(std::size_t owner, std::size_t start, std::size_t count) {
        lines.push_back({owner, {}});
        for (std::size_t id = start; id < start + count; ++id)
            lines.back().ids.set(id);
    }

    static bool overlap(const Line& a, const Line& b) { return (a.ids & b.ids).any(); }

    [[nodiscard]] bool self_overlap() const {
        for (std::size_t i = 0; i < lines.size(); ++i)
            for (std::size_t k = 0; k < i; ++k)
                if (lines[i].owner == lines[k].owner && overlap(lines[i], lines[k]))
                    return true;
        return false;
    }

    // Numbers of the lines, from 1, that share ids with another owner's.
    [[nodiscard]] std::set<std::size_t> shared() const {
        std::set<std::size_t> out;
        for (std::size_t i = 0; i < lines.size(); ++i)
            for (const Line& other : lines)
                if (lines[i].owner != other.owner && overlap(lines[i], other))
                    out.insert(i + 1);
        return out;
    }

    // How many groups of two owners or more hang together.
    [[nodiscard]] std::size_t groups() const {
        std::array<std::size_t, model_owners> group{0, 1, 2, 3, 4};
        for (std::size_t round = 0; round < model_owners; ++round)
            for (const Line& a : lines)
                for (const Line& b : lines)
                    if (overlap(a, b))
                        group[a.owner] = group[b.owner] = std::min(group[a.owner], group[b.owner]);
        std::array<std::size_t, model_owners> size{};
        for (const auto g : group)
            ++size[g];
        return static_cast<std::size_t>(std::ranges::count_if(size, [](std::size_t n) { return n > 1; }));
    }
};

TEST(RangeOverlap, AgreesWithABitmapModel) {
    std::mt19937 random(42);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
    std::size_t overlapping = 0;
    std::size_t several = 0;
    for (int round = 0; round < 300; ++round) {
        Model model;
        std::string text;
        for (std::size_t i = 0, lines = 1 + below(8); i < lines; ++i) {
            const auto owner = below(model_owners);
            const auto start = below(model_ids - 64);
            const auto count = below(48);
            model.add(owner, start, count);
            text += "u" + std::to_string(owner) + ":" + std::to_string(200000 + start) + ":" +
                    std::to_string(count) + "\n";
        }
        const Tree tree({{"/etc/subuid", text}});
        const auto all = judge(tree);
        std::set<std::size_t> lines;
        std::size_t groups = 0;
        for (const Finding& f : of(all, "subuid.range-overlap")) {
            if (f.status != Status::fail)
                continue;
            ++groups;
            for (const auto& e : f.evidence)
                lines.insert(std::stoul(e.source.substr(e.source.rfind(':') + 1)));
        }
        EXPECT_EQ(lines, model.shared()) << text;
        EXPECT_EQ(groups, model.groups()) << text;
        EXPECT_EQ(of(all, "subuid.self-overlap").front().status == Status::fail, model.self_overlap())
            << text;
        overlapping += groups > 0 ? 1 : 0;
        several += groups > 1 ? 1 : 0;
    }
    EXPECT_GT(overlapping, 50U) << "the inputs have to be interesting";
    EXPECT_LT(overlapping, 270U);
    EXPECT_GT(several, 2U);
}

// ---- very many lines ----

// Findings are bounded, with what is not listed counted: for people, and because a fix is carried out for
// each one, with a look at the host after it.
void expect_bounded(const std::vector<Finding>& all) {
    std::map<std::string, std::size_t> count;
    for (const Finding& f : all) {
        ++count[f.control];
        EXPECT_LE(f.subject.size(), 210U);
        EXPECT_LE(f.evidence.size(), 22U) << f.control;
    }
    for (const auto& [control, n] : count)
        EXPECT_LE(n, 202U) << control;
}

std::string last_found(const Finding& f) {
    return f.evidence.empty() ? "" : f.evidence.back().found;
}

TEST(ManyLines, OfAHundredThousandOwnersAreOneFindingInNoTime) {
    std::string text;
    for (int i = 0; i < 100000; ++i)
        text += "user" + std::to_string(i) + ":" + std::to_string(100000 + i) + ":2\n";
    const Tree tree({{"/etc/subuid", text}, {"/etc/passwd", passwd}, {"/etc/group", group}});
    const auto begin = std::chrono::steady_clock::now();
    const auto all = judge(tree);
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(std::chrono::duration<double>(took).count(), 60.0) << "a second or so on an idle machine";
    expect_bounded(all);
    const auto found = of(all, "subuid.range-overlap");
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found.front().subject, "user0,user1,user2,user3 and 99996 more");
    EXPECT_EQ(found.front().message, "100000 owners share subordinate ids with one another");
    EXPECT_EQ(last_found(found.front()), "and 99980 more");
    const auto stale = of(all, "subuid.stale-owner");
    ASSERT_EQ(stale.size(), 1U);
    EXPECT_EQ(stale.front().message, "100000 owners are no accounts");
}

TEST(ManyLines, OfAHundredThousandThatAllOverlap) {
    std::string text;
    for (int i = 0; i < 100000; ++i)
        text += "user" + std::to_string(i % 50000) + ":0:" + std::to_string(1 + i % 7 * 100000) + "\n";
    const Tree tree({{"/etc/subuid", text}, {"/etc/subgid", text}, {"/etc/passwd", passwd}});
    const auto all = judge(tree);
    expect_bounded(all);
    EXPECT_EQ(brief(of(all, "subuid.root-delegated")),
              std::vector<std::string>{"fail user0,user1,user2,user3 and 49996 more critical fixable"});
    EXPECT_EQ(last_found(of(all, "subuid.root-delegated").front()), "and 199980 more");
    EXPECT_EQ(brief(of(all, "subuid.range-overlap")),
              std::vector<std::string>{"fail user0,user1,user2,user3 and 49996 more high by-hand"});
}

TEST(ManyLines, OfOneOwnerAreOneFinding) {
    std::string text = "alice:100000:1000000\n";
    for (int i = 0; i < 5000; ++i)
        text += "bob:" + std::to_string(100000 + i) + ":1\n";
    const Tree tree;
    fill(tree, text, "");
    const auto found = judge(tree, "subuid.range-overlap");
    EXPECT_EQ(brief(found), std::vector<std::string>{"fail alice,bob high by-hand"});
    EXPECT_EQ(found.front().evidence.size(), 21U);
    EXPECT_EQ(last_found(found.front()), "and 4981 more");
}

// Carries the fixes out one at a time, and looks again after each: as many looks as fixes.
int apply_all(const Tree& tree) {
    const auto host = tree.host();
    auto executor = host::Executor::open(host, "/var/lib/plimsoll", nullptr);
    EXPECT_TRUE(executor);
    for (int steps = 0; executor && steps < 20; ++steps) {
        const auto all = judge(tree);
        const auto next = std::ranges::find_if(
            all, [](const Finding& f) { return f.status == Status::fail && !f.fix->changes.empty(); });
        if (next == all.end())
            return steps;
        for (const auto& change : next->fix->changes) {
            const auto done = executor->apply(next->control, next->subject, change);
            EXPECT_TRUE(done) << done.error().message;
        }
    }
    return -1;
}

TEST(ManyLines, WithIdZeroAreTakenAwayByOneFix) {
    std::string of_many;
    std::string of_one;
    for (int i = 0; i < 300; ++i) {
        of_many += "x" + std::to_string(i) + ":0:1\n";
        of_one += "x:0:1\n";
    }
    for (const std::string& lines : {of_many, of_one}) {
        const Tree tree;
        fill(tree, "alice:100000:65536\n" + lines, "alice:100000:65536\n" + lines);
        expect_bounded(judge(tree));
        EXPECT_EQ(apply_all(tree), 1);
        EXPECT_EQ(tree.read("/etc/subuid"), "alice:100000:65536\n");
        EXPECT_EQ(tree.read("/etc/subgid"), "alice:100000:65536\n");
        for (const Finding& f : judge(tree))
            EXPECT_TRUE(f.status != Status::fail || f.control == "subuid.idmap-helpers") << f.control;
    }
}

TEST(ManyLines, OfGhostsAreTakenAwayByOneFix) {
    std::string lines;
    for (int i = 0; i < 300; ++i)
        lines += "x" + std::to_string(i) + ":300000:65536\n";
    const Tree tree;
    fill(tree, "alice:100000:65536\n" + lines, "alice:100000:65536\n");
    EXPECT_EQ(brief(judge(tree, "subuid.stale-owner")),
              std::vector<std::string>{"fail x0,x1,x2,x3 and 296 more medium fixable"});
    EXPECT_EQ(apply_all(tree), 1);
    EXPECT_EQ(tree.read("/etc/subuid"), "alice:100000:65536\n");
    // Who of them is an account elsewhere, nobody can say here: then nobody loses a line.
    fill(tree, lines, "");
    tree.write("/etc/nsswitch.conf", "passwd: files sss\n");
    for (const Finding& f : judge(tree, "subuid.stale-owner"))
        EXPECT_EQ(f.status, Status::unknown);
}

}  // namespace
}  // namespace plimsoll::modules::subuid
