// SPDX-License-Identifier: Apache-2.0
// The laws that hold for every module, on every kind of tree, under every profile, for an image and for a
// running host. A new module is subject to them by being in modules::all().
#include "core/base/text.hpp"
#include "core/host/executor.hpp"
#include "core/policy/engine.hpp"
#include "modules/all.hpp"
#include "tests/integration/laws_trees.hpp"
#include "tests/support/fake_services.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <set>
#include <tuple>

namespace plimsoll::tests {
namespace {

using policy::Assessment;
using policy::Finding;
using policy::FixClass;
using policy::Status;

constexpr std::string_view state_dir = "/var/lib/plimsoll";
constexpr int max_rounds = 400;
constexpr Time now{std::chrono::seconds{1'800'000'000}};

struct PolicyKind {
    std::string_view name;
    std::string_view text;

    friend std::ostream& operator<<(std::ostream& out, const PolicyKind& kind) { return out << kind.name; }
};

constexpr PolicyKind policy_kinds[] = {
    {"none", ""},
    {"audit_only", "profile = \"audit-only\"\n"},
    {"baseline", "profile = \"rootless-baseline\"\n"},
    {"strict", "profile = \"rootless-strict\"\n"},
    {"tenants", R"(profile = "rootless-strict"
[provision]
delegate = ["cpu", "memory", "pids"]
[provision.sysctl]
"user.max_user_namespaces" = "28633"
[[provision.tenant]]
user = "builder"
kind = "system"
subuid = "allocate"
subgid = "allocate"
linger = true
[[provision.tenant]]
user = "alice"
)"},
};

const policy::Modules& modules() {
    static const policy::Modules all = modules::all();
    return all;
}

policy::Policy compile(std::string_view text) {
    std::vector<policy::PolicyFile> files;
    if (!text.empty())
        files.push_back({"/etc/plimsoll/policy.d/50-law.toml", std::string(text)});
    auto compiled = policy::compile_policy(files, policy::catalogue_of(modules()));
    EXPECT_TRUE(compiled.has_value()) << join(compiled.error(), "\n");
    return compiled.value();
}

bool fixable(const Finding& f, bool live) {
    // What a restart changes is not in a tree; of a "running" tree only the live fixes can show their effect.
    return f.status == Status::fail && f.fix && !f.fix->changes.empty() &&
           (live ? f.fix->cls == FixClass::live : f.fix->cls != FixClass::never_automatic);
}

std::string name_of_finding(const Finding& f) {
    return f.control + " (" + f.subject + "): " + std::string(policy::name_of(f.status)) + ", " + f.message;
}

class Laws : public testing::TestWithParam<std::tuple<TreeKind, PolicyKind, bool>> {
  protected:
    void SetUp() override { std::get<0>(GetParam()).fill(tree_); }

    bool live() const { return std::get<2>(GetParam()); }

    host::Host open() const { return live() ? tree_.live_host() : tree_.host(); }

    Assessment assess(const host::Host& host) const {
        host.forget();
        return policy::assess(modules(), host, policy_, {}, now);
    }

    Tree tree_;
    policy::Policy policy_{compile(std::get<1>(GetParam()).text)};
};

void expect_sound(const Finding& f) {
    SCOPED_TRACE(name_of_finding(f));
    EXPECT_FALSE(f.subject.empty());
    EXPECT_FALSE(f.message.empty());
    EXPECT_EQ(f.status == Status::fail, f.fix.has_value()) << "every failure, and nothing else, has a fix";
    if (f.status == Status::fail) {
        EXPECT_FALSE(f.evidence.empty()) << "a failure shows what it saw";
    }
    if (f.fix) {
        EXPECT_FALSE(f.fix->summary.empty());
        EXPECT_TRUE(f.fix->cls != FixClass::never_automatic || f.fix->changes.empty());
    }
    std::vector<std::string> shown{f.subject, f.message, f.fix ? f.fix->summary : ""};
    for (const auto& e : f.evidence)
        shown.insert(shown.end(), {e.source, e.found, e.expected});
    for (const auto& text : shown) {
        EXPECT_TRUE(valid_utf8(text));
        EXPECT_TRUE(std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
            << text;
        EXPECT_LT(text.size(), 4096U) << text.substr(0, 100);
    }
}

TEST_P(Laws, EveryModuleJudgesEachOfItsControlsSoundly) {
    const host::Host host = open();
    for (const auto& module : modules()) {
        std::set<std::string> own;
        for (const auto& control : module->controls())
            own.emplace(control.id);
        std::set<std::string> judged;
        for (const auto& f :
             module->assess(host, policy_.params, policy_.provision, now, policy::every_control)) {
            EXPECT_TRUE(own.contains(f.control)) << module->name() << " judged " << f.control;
            judged.insert(f.control);
            expect_sound(f);
        }
        EXPECT_EQ(judged, own) << "module " << module->name();
    }
}

TEST_P(Laws, JudgingTwiceGivesTheSameFindings) {
    const host::Host host = open();
    const auto first = assess(host);
    EXPECT_EQ(first.findings, assess(host).findings);
    EXPECT_EQ(first.findings, assess(open()).findings) << "a host opened anew";
}

TEST_P(Laws, ObservingChangesNothing) {
    const auto before = tree_.snapshot("");
    (void)assess(open());
    EXPECT_EQ(before, tree_.snapshot(""));
}

// Applies fixes one by one as `apply` does. Returns the findings left at the end.
Assessment apply_all(const std::function<Assessment()>& assess, host::Executor& executor, bool live) {
    for (int round = 0; round < max_rounds; ++round) {
        auto before = assess();
        const auto it =
            std::ranges::find_if(before.findings, [live](const Finding& f) { return fixable(f, live); });
        if (it == before.findings.end())
            return before;
        for (const auto& change : it->fix->changes) {
            const auto done = executor.apply(it->control, it->subject, change);
            EXPECT_TRUE(done.has_value()) << name_of_finding(*it) << "\n"
                                          << host::describe(change) << ": " << done.error().message;
            if (!done)
                return before;
        }
        for (const auto& f : assess().findings)
            if (f.control == it->control && f.subject == it->subject && fixable(f, live)) {
                ADD_FAILURE() << "still failing after its fix \"" << it->fix->summary
                              << "\": " << name_of_finding(f);
                return before;
            }
    }
    ADD_FAILURE() << "no end after " << max_rounds << " fixes";
    return assess();
}

TEST_P(Laws, FixesMakeTheirFindingsPassAndUndoRestoresTheTree) {
    const auto original = tree_.snapshot();
    const host::Host host = open();
    FakeServices services;
    {
        auto executor = host::Executor::open(host, std::string(state_dir), &services);
        ASSERT_TRUE(executor.has_value()) << executor.error().message;
        const auto left = apply_all([&] { return assess(host); }, *executor, live());
        EXPECT_TRUE(
            std::ranges::none_of(left.findings, [&](const Finding& f) { return fixable(f, live()); }));
    }
    auto executor = host::Executor::open(host, std::string(state_dir), &services);
    ASSERT_TRUE(executor.has_value()) << executor.error().message;
    auto journal = host::read_journal(host, std::string(state_dir));
    ASSERT_TRUE(journal.has_value()) << journal.error().message;
    for (auto entry = journal->rbegin(); entry != journal->rend(); ++entry) {
        const auto undone = executor->undo(entry->id);
        EXPECT_TRUE(undone.has_value()) << undone.error().message;
    }
    EXPECT_EQ(original, tree_.snapshot());
}

INSTANTIATE_TEST_SUITE_P(, Laws,
                         testing::Combine(testing::ValuesIn(tree_kinds()), testing::ValuesIn(policy_kinds),
                                          testing::Bool()),
                         [](const auto& test) {
                             return std::string(std::get<0>(test.param).name) + "_" +
                                    std::string(std::get<1>(test.param).name) +
                                    (std::get<2>(test.param) ? "_running" : "_image");
                         });

// ---- an input that cannot be read never yields only passes ----

struct Input {
    std::string_view file;
    std::vector<std::string_view> controls;  // that cannot be judged without it

    friend std::ostream& operator<<(std::ostream& out, const Input& input) { return out << input.file; }
};

const Input inputs[] = {
    {"/etc/subuid",
     {"subuid.root-delegated", "subuid.real-id-overlap", "subuid.range-overlap", "subuid.self-overlap",
      "subuid.reserved-overlap", "subuid.min-size", "subuid.missing", "subuid.gid-parity",
      "subuid.stale-owner", "subuid.parser-divergence", "subuid.file-integrity"}},
    {"/etc/subgid",
     {"subuid.root-delegated", "subuid.real-id-overlap", "subuid.range-overlap", "subuid.self-overlap",
      "subuid.reserved-overlap", "subuid.min-size", "subuid.missing", "subuid.gid-parity",
      "subuid.stale-owner", "subuid.parser-divergence", "subuid.file-integrity"}},
    {"/etc/passwd", {"subuid.real-id-overlap", "subuid.stale-owner"}},
    {"/etc/group", {"subuid.real-id-overlap", "engine.docker-socket-access"}},
    {"/etc/login.defs", {"subuid.alloc-policy"}},
    {"/etc/nsswitch.conf", {"subuid.nss-source"}},
    {"/etc/docker/daemon.json", {"engine.docker-tcp", "docker.daemon-json"}},
    {"/etc/containers/containers.conf", {"containers.conf.effective"}},
    {"/proc/sys/user/max_user_namespaces", {"userns.available"}},
};

enum class Obstacle { fifo, directory, loop, too_long };
constexpr std::string_view obstacle_names[] = {"is_a_fifo", "is_a_directory", "is_a_loop", "is_too_long"};

class Unreadable : public testing::TestWithParam<std::tuple<Input, Obstacle>> {};

void put(const Tree& tree, std::string_view file, Obstacle obstacle) {
    tree.remove(file);
    switch (obstacle) {
        case Obstacle::fifo:
            return tree.fifo(file);
        case Obstacle::directory:
            return tree.directory(file);
        case Obstacle::loop:
            return tree.link(file, file);
        case Obstacle::too_long:
            return tree.write(file, std::string(host::Sysroot::default_max + 1, '#'));
    }
}

TEST_P(Unreadable, IsNeverAllPass) {
    const auto& [input, obstacle] = GetParam();
    const Tree tree;
    fill_healthy(tree);
    tree.write("/usr/bin/dockerd", "", 0755);
    tree.write("/usr/lib/systemd/system/docker.service", "[Service]\nExecStart=/usr/bin/dockerd\n");
    put(tree, input.file, obstacle);
    const auto policy = compile("profile = \"rootless-baseline\"\n");
    const auto assessment = policy::assess(modules(), tree.live_host(), policy, {}, now);
    for (const auto control : input.controls) {
        if (obstacle == Obstacle::too_long && control == "subuid.file-integrity")
            continue;  // its owner, mode and type can be seen without reading it
        std::size_t findings = 0;
        std::size_t good = 0;
        for (const auto& f : assessment.findings)
            if (f.control == control) {
                ++findings;
                good += f.status == Status::pass || f.status == Status::not_applicable ? 1 : 0;
            }
        EXPECT_GT(findings, 0U) << control << " is not a control";
        EXPECT_LT(good, findings) << control << " passes although " << input.file << " cannot be read";
    }
}

INSTANTIATE_TEST_SUITE_P(
    , Unreadable,
    testing::Combine(testing::ValuesIn(inputs), testing::Values(Obstacle::fifo, Obstacle::directory,
                                                                Obstacle::loop, Obstacle::too_long)),
    [](const auto& test) {
        std::string name(std::get<0>(test.param).file);
        std::ranges::replace_if(
            name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
        return name.substr(1) + "_" +
               std::string(obstacle_names[static_cast<std::size_t>(std::get<1>(test.param))]);
    });

}  // namespace
}  // namespace plimsoll::tests
