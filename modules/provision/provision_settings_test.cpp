// SPDX-License-Identifier: Apache-2.0
// provision.linger, provision.engine-config, provision.delegation, provision.sysctl.
#include "core/base/digest.hpp"
#include "modules/provision/testing/verdicts.hpp"

namespace plimsoll::modules::provision {
namespace {

using policy::Finding;
using policy::SetKnob;
using policy::SetLinger;
using policy::Status;
using policy::Tenant;
using policy::UnitAction;
using policy::WriteFile;
using Kind = Tenant::Kind;

tests::Tree host_with_bob() {
    return {{"/etc/passwd", "root:x:0:0::/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n"}};
}

Tenant bob(bool linger) {
    auto t = tenant("bob", Kind::existing);
    t.linger = linger;
    return t;
}

constexpr std::string_view linger_file = "/var/lib/systemd/linger/bob";

TEST(ProvisionLinger, IsAFileThatLogindReads) {
    const auto tree = host_with_bob();
    const auto f = of(judge(tree, only(bob(true))), "provision.linger", "bob");
    EXPECT_EQ(changes_of<SetLinger>(f), (std::vector<SetLinger>{{"bob", 1000, true}}));
    EXPECT_EQ(f.fix->cls, policy::FixClass::live);
    EXPECT_EQ(of(judge(tree, only(bob(false))), "provision.linger").status, Status::pass);
    tree.write(linger_file, "");
    EXPECT_EQ(of(judge(tree, only(bob(true))), "provision.linger").status, Status::pass);
    const auto no = of(judge(tree, only(bob(false))), "provision.linger");
    EXPECT_EQ(changes_of<SetLinger>(no), (std::vector<SetLinger>{{"bob", 1000, false}}));
    EXPECT_EQ(no.fix->cls, policy::FixClass::containers_stopped) << "logind ends the services at once";
    tree.link(linger_file, "/etc/passwd");
    EXPECT_EQ(of(judge(tree, only(bob(true))), "provision.linger").status, Status::unknown);
}

policy::Provision containers(const char* key, Value value) {
    Table section;
    section.set(key, std::move(value));
    policy::Provision p;
    p.containers_conf.emplace().set("containers", Value(section));
    return p;
}

TEST(ProvisionEngineConfig, WritesDropInsOfItsOwn) {
    const tests::Tree tree;
    const auto p = containers("pids_limit", 512);
    const auto f = of(judge(tree, p), "provision.engine-config");
    const auto writes = changes_of<WriteFile>(f);
    ASSERT_EQ(writes.size(), 1U);
    EXPECT_EQ(writes[0].path, "/etc/containers/containers.conf.d/60-plimsoll.conf");
    EXPECT_TRUE(writes[0].content.starts_with("# Managed by Plimsoll"));
    EXPECT_NE(writes[0].content.find("pids_limit = 512"), std::string::npos) << writes[0].content;
    tree.write(writes[0].path, writes[0].content);
    EXPECT_EQ(of(judge(tree, p), "provision.engine-config").status, Status::pass);
    tree.write(writes[0].path, "other\n");
    EXPECT_EQ(changes_of<WriteFile>(of(judge(tree, p), "provision.engine-config"))[0].expect,
              sha256("other\n"));
    tree.fifo(writes[0].path);
    EXPECT_EQ(of(judge(tree, p), "provision.engine-config").status, Status::unknown);
}

policy::Provision storage(const char* driver) {
    Table section;
    section.set("driver", Value(driver));
    policy::Provision p;
    p.storage_conf.emplace().set("storage", Value(section));
    return p;
}

void install_podman(const tests::Tree& tree, const std::string& version) {
    tree.write("/var/lib/dpkg/status",
               "Package: podman\nStatus: install ok installed\nVersion: " + version + "\n\n");
}

TEST(ProvisionEngineConfig, StorageConfIsADropInOnlyWhereItIsRead) {
    const struct {
        const char* version;
        const char* path;
    } cases[] = {{"4.3.1+ds1-8+deb12u1", "/etc/containers/storage.conf"},
                 {"5.4.2+ds1-2+b2", "/etc/containers/storage.conf"},
                 {"6.0.1-1", "/etc/containers/storage.conf.d/60-plimsoll.conf"},
                 {"1:10.2-1", "/etc/containers/storage.conf.d/60-plimsoll.conf"},
                 {"nonsense", "/etc/containers/storage.conf"}};

    for (const auto& c : cases) {
        const tests::Tree tree;
        install_podman(tree, c.version);
        EXPECT_EQ(
            changes_of<WriteFile>(of(judge(tree, storage("overlay")), "provision.engine-config"))[0].path,
            c.path);
    }
}

TEST(ProvisionEngineConfig, SomebodyElsesStorageConfIsLeftAlone) {
    const tests::Tree tree{{"/etc/containers/storage.conf", "[storage]\ndriver = \"btrfs\"\n"}};
    const auto f = of(judge(tree, storage("overlay")), "provision.engine-config");
    EXPECT_TRUE(for_a_person(f));
    ASSERT_EQ(f.evidence.size(), 2U);
    EXPECT_EQ(f.evidence[0].source, "/etc/containers/storage.conf:2");
    EXPECT_EQ(f.evidence[1].expected, "driver = \"overlay\"");
}

TEST(ProvisionEngineConfig, StorageThatIsInUseIsNotHidden) {
    const tests::Tree tree;
    const auto ours = changes_of<WriteFile>(of(judge(tree, storage("vfs")), "provision.engine-config"))[0];
    tree.write(ours.path, ours.content);
    EXPECT_EQ(changes_of<WriteFile>(of(judge(tree, storage("overlay")), "provision.engine-config")).size(),
              1U);
    tree.directory("/var/lib/containers/storage");
    EXPECT_TRUE(for_a_person(of(judge(tree, storage("overlay")), "provision.engine-config")));
}

policy::Provision delegating(std::vector<std::string> controllers) {
    policy::Provision p;
    p.delegate = std::move(controllers);
    return p;
}

constexpr std::string_view unit = "/usr/lib/systemd/system/user@.service";

TEST(ProvisionDelegation, AddsADropInWhenControllersLack) {
    const tests::Tree tree{{unit, "[Service]\nDelegate=pids memory cpu\n"}};
    EXPECT_EQ(of(judge(tree, delegating({"cpu", "pids"})), "provision.delegation").status, Status::pass);
    const auto wanted = delegating({"cpu", "io", "pids"});
    const auto f = of(judge(tree, wanted), "provision.delegation");
    const auto writes = changes_of<WriteFile>(f);
    ASSERT_EQ(writes.size(), 1U);
    EXPECT_TRUE(changes_of<UnitAction>(f).empty());
    tree.write(writes[0].path, writes[0].content);
    EXPECT_EQ(of(judge(tree, wanted), "provision.delegation").status, Status::pass);
    tree.write("/etc/systemd/system/user@.service.d/99-none.conf", "[Service]\nDelegate=\n");
    EXPECT_TRUE(for_a_person(of(judge(tree, wanted), "provision.delegation"))) << "a later drop-in";
    tree.write("/etc/systemd/system/user@.service.d/99-none.conf", "[Service]\nDelegate=yes\n");
    EXPECT_EQ(of(judge(tree, wanted), "provision.delegation").status, Status::pass);
}

TEST(ProvisionDelegation, WhatASliceDisablesCannotBeDelegated) {
    const tests::Tree tree{{unit, "[Service]\nDelegate=pids memory cpu\nSlice=user-%i.slice\n"},
                           {"/etc/systemd/system/user.slice.d/a.conf", "[Slice]\nDisableControllers=cpu\n"}};
    EXPECT_TRUE(for_a_person(of(judge(tree, delegating({"cpu"})), "provision.delegation")));
    EXPECT_EQ(of(judge(tree, delegating({"pids"})), "provision.delegation").status, Status::pass);
    tree.remove("/etc/systemd/system/user.slice.d/a.conf");
    tree.fifo("/etc/systemd/system/user.slice.d/a.conf");
    EXPECT_EQ(of(judge(tree, delegating({"pids"})), "provision.delegation").status, Status::unknown);
}

TEST(ProvisionDelegation, WorksOnAnImageWithoutTheUnitAndReloadsARunningManager) {
    const tests::Tree tree;
    const auto wanted = delegating({"io"});
    const auto write = changes_of<WriteFile>(of(judge(tree, wanted), "provision.delegation"))[0];
    tree.write(write.path, write.content);
    EXPECT_EQ(of(judge(tree, wanted), "provision.delegation").status, Status::pass);
    const tests::Tree running{{unit, "[Service]\n"}};
    running.directory("/run/systemd/system");
    EXPECT_EQ(changes_of<UnitAction>(of(judge(running.live_host(), wanted), "provision.delegation")),
              (std::vector<UnitAction>{{}}));
}

TEST(ProvisionDelegation, HostileAndUnreadable) {
    const tests::Tree tree{{unit, "[Service]\n"}};
    for (const char* bad : {"", "io\n[Service]\nExecStart=/bin/sh", "IO", "a b", "%h"})
        EXPECT_TRUE(for_a_person(of(judge(tree, delegating({bad})), "provision.delegation"))) << bad;
    tree.fifo(delegate_path);
    EXPECT_EQ(of(judge(tree, delegating({"io"})), "provision.delegation").status, Status::unknown);
}

policy::Provision setting(const char* key, const char* value) {
    policy::Provision p;
    p.sysctl[key] = value;
    return p;
}

TEST(ProvisionSysctl, IsSetAtBootAndNow) {
    const tests::Tree tree{{"/proc/sys/user/max_user_namespaces", "0\n"}};
    const auto wanted = setting("user.max_user_namespaces", "28633");
    const auto image = of(judge(tree, wanted), "provision.sysctl");
    EXPECT_TRUE(changes_of<SetKnob>(image).empty()) << "an image has no kernel";
    const auto live = of(judge(tree.live_host(), wanted), "provision.sysctl");
    EXPECT_EQ(changes_of<SetKnob>(live),
              (std::vector<SetKnob>{{"/proc/sys/user/max_user_namespaces", "28633"}}));
    const auto write = changes_of<WriteFile>(live)[0];
    EXPECT_EQ(write.path, "/etc/sysctl.d/60-plimsoll-user.max_user_namespaces.conf");
    tree.write(write.path, write.content);
    EXPECT_EQ(of(judge(tree, wanted), "provision.sysctl").status, Status::pass);
    EXPECT_TRUE(changes_of<WriteFile>(of(judge(tree.live_host(), wanted), "provision.sysctl")).empty());
    tree.write("/proc/sys/user/max_user_namespaces", "28633\n");
    EXPECT_EQ(of(judge(tree.live_host(), wanted), "provision.sysctl").status, Status::pass);
}

TEST(ProvisionSysctl, ComparesAsTheKernelDoes) {
    const tests::Tree tree{{"/proc/sys/net/ipv4/ping_group_range", "0\t2147483647\n"},
                           {"/etc/sysctl.d/10-x.conf", "net.ipv4.ping_group_range = 0   2147483647\n"}};
    EXPECT_EQ(
        of(judge(tree.live_host(), setting("net.ipv4.ping_group_range", "0 2147483647")), "provision.sysctl")
            .status,
        Status::pass);
}

TEST(ProvisionSysctl, HostileAndUnreadable) {
    const tests::Tree tree{{"/proc/sys/user/max_user_namespaces", "0\n"}};
    for (const auto& [key, value] :
         std::vector<std::pair<const char*, const char*>>{{"../../etc/passwd", "1"},
                                                          {"a/../../b", "1"},
                                                          {"", "1"},
                                                          {"user.x", ""},
                                                          {"user.x", "1\nkernel.y = 2"}})
        EXPECT_TRUE(for_a_person(of(judge(tree, setting(key, value)), "provision.sysctl"))) << key;
    EXPECT_TRUE(for_a_person(of(judge(tree.live_host(), setting("no.such_key", "1")), "provision.sysctl")));
    tree.fifo("/etc/sysctl.d/90-x.conf");
    EXPECT_EQ(of(judge(tree, setting("user.max_user_namespaces", "1")), "provision.sysctl").status,
              Status::unknown);
}

}  // namespace
}  // namespace plimsoll::modules::provision
