// SPDX-License-Identifier: Apache-2.0
// Every provisioning control ends in every way that it can.
#include "modules/provision/testing/verdicts.hpp"
#include "tests/support/census.hpp"

#include <unistd.h>

namespace plimsoll::modules::provision {
namespace {

using tests::Cell;
using Kind = policy::Tenant::Kind;
using S = tests::Scene<Provision>;
using Case = tests::CensusCase<Provision>;
using Cases = std::vector<Case>;

constexpr const char* escape = "\x1b[2J\x1b]0;x\a";
constexpr const char* key = "user.max_user_namespaces";

void base(S& s) {
    s.now = test_now;
    s.tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
    s.tree.write("etc/group", "root:x:0:\nalice:x:1000:\n");
    s.tree.write("etc/shadow", "root:*:1::::::\nalice:!:1::::::\n");
    s.tree.write("etc/gshadow", "root:*::\nalice:!::\n");
    s.tree.write("etc/subuid", "alice:100000:65536\n");
    s.tree.write("etc/subgid", "alice:100000:65536\n");
    s.tree.directory("home/alice", 0700);
    (void)::chown(s.tree.path("home/alice").c_str(), 1000, 1000);
}

// Alice as a tenant: she exists, has these ranges, and lingers as said.
policy::Tenant alice(std::optional<bool> linger = {}) {
    auto t = tenant("alice", Kind::existing);
    t.subuid = exactly({{100000, 165536}});
    t.subgid = exactly({{100000, 165536}});
    t.linger = linger;
    return t;
}

Case::Arrange wanting(policy::Tenant t) {
    return [=](S& s) { s.provision = only(t); };
}

// Does to the tree what the fixes of the control say.
void carry_out(S& s, std::string_view control) {
    for (const auto& f : s.judge(control))
        if (f.fix)
            for (const auto& change : f.fix->changes) {
                if (const auto* file = std::get_if<policy::WriteFile>(&change))
                    s.tree.write(file->path, file->content, file->mode);
                if (const auto* knob = std::get_if<policy::SetKnob>(&change))
                    s.tree.write(knob->path, knob->value);
                if (const auto* linger = std::get_if<policy::SetLinger>(&change); linger && linger->linger)
                    s.tree.write("/var/lib/systemd/linger/" + linger->user, "");
            }
}

Case::Arrange carried_out(std::string control, Case::Arrange first) {
    return [=](S& s) {
        first(s);
        ASSERT_EQ(s.judge(control).front().status, policy::Status::fail);
        carry_out(s, control);
    };
}

Case::Arrange and_fifo(Case::Arrange first, std::string path) {
    return [=](S& s) {
        first(s);
        s.tree.remove(path);
        s.tree.fifo(path);
    };
}

Cases tenant_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    for (const char* control : {"provision.user", "provision.subid", "provision.linger",
                                "provision.engine-config", "provision.delegation", "provision.sysctl"})
        add(control, Cell::not_applicable, [](S&) {});
    auto nobody = alice(true);
    nobody.user = escape;
    for (const char* control : {"provision.user", "provision.subid", "provision.linger"}) {
        add(control, Cell::unknown, and_fifo(wanting(alice(true)), "etc/passwd"));
        add(control, Cell::hostile, wanting(nobody));
    }
    add("provision.user", Cell::pass, wanting(alice()));
    add("provision.user", Cell::fail, wanting(tenant("svc", Kind::system)));
    add("provision.subid", Cell::pass, wanting(alice()));
    add("provision.subid", Cell::fail, [](S& s) {
        s.provision = only(alice());
        s.tree.write("etc/subuid", "");
    });
    add("provision.subid", Cell::unknown, and_fifo(wanting(alice()), "etc/subuid"));
    add("provision.subid", Cell::hostile, [](S& s) {
        s.provision = only(alice());
        s.tree.write("etc/subuid", "alice:0x186A0:65536\n" + std::string(escape) + ":100000:65536\n");
    });
    add("provision.linger", Cell::pass, carried_out("provision.linger", wanting(alice(true))));
    add("provision.linger", Cell::pass, wanting(alice(false)));
    add("provision.linger", Cell::fail, wanting(alice(true)));
    add("provision.linger", Cell::fail, [](S& s) {
        s.provision = only(alice(false));
        s.tree.write("var/lib/systemd/linger/alice", "");
    });
    add("provision.linger", Cell::unknown, [](S& s) {
        s.provision = only(alice(true));
        s.tree.link("var/lib/systemd/linger", "linger");
    });
    return out;
}

Cases host_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    const auto conf = [](std::string name, Value value) -> Case::Arrange {
        return [=](S& s) {
            Table section;
            section.set(name, value);
            s.provision.containers_conf.emplace().set("containers", Value(section));
        };
    };
    const char* conf_path = "etc/containers/containers.conf.d/60-plimsoll.conf";
    add("provision.engine-config", Cell::pass,
        carried_out("provision.engine-config", conf("read_only", Value(true))));
    add("provision.engine-config", Cell::fail, conf("read_only", Value(true)));
    add("provision.engine-config", Cell::unknown, and_fifo(conf("read_only", Value(true)), conf_path));
    add("provision.engine-config", Cell::hostile, [=](S& s) {
        conf("read_only", Value(true))(s);
        s.tree.write(conf_path, escape);
    });
    const auto delegate = [](std::vector<std::string> controllers) -> Case::Arrange {
        return [=](S& s) {
            s.tree.write("usr/lib/systemd/system/user@.service", "[Service]\nDelegate=pids memory cpu\n");
            s.provision.delegate = controllers;
        };
    };
    add("provision.delegation", Cell::pass, delegate({"cpu"}));
    add("provision.delegation", Cell::pass, carried_out("provision.delegation", delegate({"io"})));
    add("provision.delegation", Cell::fail, delegate({"io"}));
    add("provision.delegation", Cell::unknown,
        and_fifo(delegate({"io"}), "etc/systemd/system/user@.service.d/90-x.conf"));
    add("provision.delegation", Cell::hostile, delegate({escape}));
    add("provision.delegation", Cell::hostile, [=](S& s) {
        delegate({"cpu"})(s);
        s.tree.write("etc/systemd/system/user@.service.d/90-x.conf",
                     "[Service]\nDelegate=FALSE\nDelegate=" + std::string(escape) + "\n");
    });
    const auto sysctl = [](std::string name, std::string value) -> Case::Arrange {
        return [=](S& s) { s.provision.sysctl[name] = value; };
    };
    add("provision.sysctl", Cell::pass, carried_out("provision.sysctl", sysctl(key, "28633")));
    add("provision.sysctl", Cell::fail, sysctl(key, "28633"));
    add("provision.sysctl", Cell::unknown, and_fifo(sysctl(key, "28633"), "etc/sysctl.d/99-z.conf"));
    add("provision.sysctl", Cell::hostile, sysctl(key, "1\n\x1b[2J"));
    add("provision.sysctl", Cell::hostile, sysctl("../" + std::string(escape), "1"));
    add("provision.sysctl", Cell::hostile, [=](S& s) {
        sysctl(key, "28633")(s);
        s.tree.write("etc/sysctl.d/50.conf", std::string(key) + " = 28633" + escape + "\n");
    });
    return out;
}

TEST(ProvisionCensus, LeavesNoControlOut) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root: the files of its trees belong to root";
    Cases all = tenant_cases();
    for (auto&& more : host_cases())
        all.push_back(more);
    tests::take_census<Provision>(base, all);
}

}  // namespace
}  // namespace plimsoll::modules::provision
