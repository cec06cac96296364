// SPDX-License-Identifier: Apache-2.0
// Every fix: apply -> pass -> undo -> the original bytes and metadata.
#include "core/base/text.hpp"
#include "core/host/executor.hpp"
#include "modules/provision/testing/verdicts.hpp"
#include "tests/support/fake_logind.hpp"

#include <set>

namespace plimsoll::modules::provision {
namespace {

using policy::Finding;
using policy::Provision;
using policy::Status;
using policy::Tenant;
using Kind = Tenant::Kind;

class FakeServices final : public host::ServiceManager {
  public:
    explicit FakeServices(const tests::Tree& tree) : tree_(tree) {}

    Result<std::string> active_state(const std::string& unit) override {
        return active.contains(unit) ? "active" : "inactive";
    }

    Result<void> start(const std::string& unit) override {
        active.insert(unit);
        return {};
    }

    Result<void> stop(const std::string& unit) override {
        active.erase(unit);
        return {};
    }

    Result<void> restart(const std::string& unit) override { return start(unit); }

    Result<void> reload_manager() override {
        asked.emplace_back("reload");
        return {};
    }

    // Whoever is named in /etc/passwd.
    Result<void> set_linger(std::uint32_t uid, bool linger) override {
        const auto host = tree_.host();
        const auto accounts = host.accounts();
        const host::User* user = accounts ? accounts->user(uid) : nullptr;
        if (user == nullptr)
            return fail(Code::not_found, "no such user");
        asked.push_back(user->name + (linger ? " lingers" : " does not linger"));
        EXPECT_TRUE(tests::linger_as_logind_does(tree_.path(), user->name, linger));
        return {};
    }

    std::set<std::string> active;
    std::vector<std::string> asked;

  private:
    const tests::Tree& tree_;
};

bool fixable(const Finding& f) {
    return f.status == Status::fail && f.fix && !f.fix->changes.empty();
}

// Carries out one failing finding after the other, as apply does. The number of fixes.
int carry_out(const host::Host& host, host::Executor& executor, const Provision& wanted) {
    int done = 0;
    for (; done < 100; ++done) {
        host.forget();
        const auto findings = judge(host, wanted);
        const auto next = std::ranges::find_if(findings, fixable);
        if (next == findings.end())
            return done;
        for (const auto& change : next->fix->changes) {
            const auto result = executor.apply(next->control, next->subject, change);
            if (!result) {
                ADD_FAILURE() << next->control << ": " << host::describe(change) << ": "
                              << result.error().message;
                return done;
            }
        }
        host.forget();
        const auto now = of(judge(host, wanted), next->control, next->subject);
        EXPECT_EQ(now.status, Status::pass) << next->control << " " << next->subject << ": " << now.message;
        if (now.status != Status::pass)
            return done;
    }
    ADD_FAILURE() << "the plan never becomes empty";
    return done;
}

// Owners other than root need root to be given.
#define NEEDS_ROOT()      \
    if (::geteuid() != 0) \
    GTEST_SKIP() << "homes are given to their owners: run as root"

Table table(const char* section, const char* key, Value v) {
    Table inner;
    inner.set(key, std::move(v));
    Table out;
    out.set(section, Value(inner));
    return out;
}

Provision everything() {
    Provision p;
    p.tenants = {tenant("web", Kind::system), tenant("ops", Kind::regular), tenant("alice", Kind::existing)};
    p.tenants[0].subuid = p.tenants[0].subgid = allocate();
    p.tenants[0].linger = true;
    p.tenants[1].uid = 1234;
    p.tenants[1].shell = "/bin/sh";
    p.tenants[1].subuid = exactly({{500000, 565536}, {700000, 701000}});
    p.tenants[1].subgid = exactly({{500000, 565536}, {800000, 802000}});
    p.tenants[2].linger = false;
    p.tenants[2].shell = "/usr/sbin/nologin";
    p.containers_conf = table("containers", "pids_limit", 512);
    p.registries_conf.emplace().set("short-name-mode", Value("enforcing"));
    p.storage_conf = table("storage", "driver", "overlay");
    p.delegate = {"cpu", "io"};
    p.sysctl["user.max_user_namespaces"] = "28633";
    return p;
}

tests::Tree host_before() {
    return {{"/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n"},
            {"/etc/group", "root:x:0:\nalice:x:1000:\n"},
            {"/etc/shadow", "root:*:20780:0:99999:7:::\n"},
            {"/etc/gshadow", "root:*::\n"},
            {"/etc/subuid", "alice:131072:65536\n"},
            {"/etc/subgid", "alice:131072:65536\n"},
            {"/usr/lib/systemd/system/user@.service", "[Service]\nDelegate=pids memory cpu\n"},
            {"/proc/sys/user/max_user_namespaces", "0\n"},
            {"/var/lib/systemd/linger/alice", ""},
            {"/run/systemd/system/x.mount", "[Unit]\n"}};
}

// A host of which only the image's read-only part is there: /etc is almost empty and /var wholly.
tests::Tree first_boot() {
    return {{"/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"},
            {"/etc/group", "root:x:0:\n"},
            {"/usr/lib/passwd",
             "core:x:990:990::/var/home/core:/bin/bash\nalice:x:1000:1000::/:/usr/sbin/nologin\n"},
            {"/usr/lib/group", "core:x:990:\nalice:x:1000:\n"}};
}

void round_trip(const tests::Tree& tree, const host::Host& host, host::ServiceManager* services, int fixes) {
    const std::string before = tree.snapshot();
    {
        auto executor = host::Executor::open(host, "/var/lib/plimsoll", services).value();
        EXPECT_EQ(carry_out(host, executor, everything()), fixes);
        for (const Finding& f : judge(host, everything()))
            EXPECT_EQ(f.status, Status::pass) << f.control << " " << f.subject << ": " << f.message;
        const std::string provisioned = tree.snapshot();
        EXPECT_EQ(carry_out(host, executor, everything()), 0) << "the second time there is nothing to do";
        EXPECT_EQ(tree.snapshot(), provisioned);
        const auto undone = executor.undo(executor.current_entry());
        ASSERT_TRUE(undone) << undone.error().message;
    }
    EXPECT_EQ(tree.snapshot(), before);
}

TEST(ProvisionRoundTrip, OfAnImage) {
    NEEDS_ROOT();
    const auto tree = host_before();
    round_trip(tree, tree.host(), nullptr, 12);
}

TEST(ProvisionRoundTrip, OfARunningHost) {
    NEEDS_ROOT();
    const auto tree = host_before();
    FakeServices services(tree);
    round_trip(tree, tree.live_host(), &services, 12);
    // A manager is started when its settings are in place, also on the way back.
    EXPECT_EQ(services.asked, (std::vector<std::string>{"reload", "web lingers", "alice does not linger",
                                                        "web does not linger", "reload", "alice lingers"}));
}

TEST(ProvisionRoundTrip, OfTheFirstBootOfAnImmutableHost) {
    NEEDS_ROOT();
    const auto tree = first_boot();
    round_trip(tree, tree.host(), nullptr, 10);
}

TEST(ProvisionRoundTrip, AfterUndoTheSameRangeComesBack) {
    NEEDS_ROOT();
    const auto tree = host_before();
    const auto host = tree.host();
    auto wanted = only(tenant("alice", Kind::existing));
    wanted.tenants[0].subuid = wanted.tenants[0].subgid = allocate(70000);
    std::string first;
    for (int round = 0; round < 3; ++round) {
        auto executor = host::Executor::open(host, "/var/lib/plimsoll", nullptr).value();
        EXPECT_EQ(carry_out(host, executor, wanted), 1);
        if (round == 0)
            first = tree.read("/etc/subuid");
        EXPECT_EQ(tree.read("/etc/subuid"), first);
        ASSERT_TRUE(executor.undo(executor.current_entry()));
    }
}

TEST(ProvisionRoundTrip, GoesOnWhereItWasInterrupted) {
    NEEDS_ROOT();
    const auto wanted = only(tenant("web", Kind::system));
    const auto changes = of(judge(host_before(), wanted), "provision.user").fix->changes;
    for (std::size_t done = 0; done <= changes.size(); ++done) {
        const auto tree = host_before();
        const auto host = tree.host();
        {
            auto executor = host::Executor::open(host, "/var/lib/plimsoll", nullptr).value();
            for (std::size_t i = 0; i < done; ++i)
                ASSERT_TRUE(executor.apply("provision.user", "web", changes[i]));
        }
        auto executor = host::Executor::open(host, "/var/lib/plimsoll", nullptr).value();
        EXPECT_EQ(carry_out(host, executor, wanted), done < changes.size() ? 1 : 0) << done;
        EXPECT_EQ(tree.read("/etc/group"), "root:x:0:\nalice:x:1000:\nweb:x:999:\n") << done;
        EXPECT_EQ(split(tree.read("/etc/shadow"), '\n').size(), 3U) << done;
    }
}

}  // namespace
}  // namespace plimsoll::modules::provision
