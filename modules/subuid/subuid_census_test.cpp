// SPDX-License-Identifier: Apache-2.0
// Every control of this module ends in every way that it can.
#include "modules/subuid/test_support.hpp"
#include "tests/support/census.hpp"

#include <unistd.h>

namespace plimsoll::modules::subuid {
namespace {

using tests::Cell;
using S = tests::Scene<Subuid>;
using Case = tests::CensusCase<Subuid>;
using Cases = std::vector<Case>;

constexpr const char* one = "alice:100000:65536\n";
constexpr const char* storage = "/home/alice/.local/share/containers/storage";

void base(S& s) {
    fill(s.tree, one, one);
    for (const char* helper : {"/usr/bin/newuidmap", "/usr/bin/newgidmap"})
        s.tree.write(helper, "", 04755);
}

Case::Arrange lines(std::string subuid, std::string subgid = "") {
    return [=](S& s) { fill(s.tree, subuid, subgid); };
}

Case::Arrange hostile(std::string kind, std::string path) {
    return [=](S& s) { put_hostile(s.tree, kind, path); };
}

Case::Arrange file(std::string path, std::string content) {
    return [=](S& s) { s.tree.write(path, content); };
}

Case::Arrange nothing() {
    return [](S&) {};
}

// Cells that are alike for every control that judges the lines of both files.
void add_common(Cases& cases, const char* control) {
    cases.emplace_back(control, Cell::unknown, hostile("fifo", "/etc/subuid"));
    cases.emplace_back(control, Cell::unknown, hostile("directory", "/etc/subgid"));
    cases.emplace_back(control, Cell::unknown, hostile("symlink", "/etc/subgid"));
    cases.emplace_back(control, Cell::unknown, hostile("fifo", "/etc/nsswitch.conf"));
    cases.emplace_back(control, Cell::hostile, lines(std::string("alice:10\0x\n0000:5\n", 18)));
}

Cases range_cases() {
    Cases out;
    for (const char* control :
         {"subuid.root-delegated", "subuid.real-id-overlap", "subuid.range-overlap", "subuid.self-overlap",
          "subuid.reserved-overlap", "subuid.min-size", "subuid.gid-parity", "subuid.stale-owner",
          "subuid.rename-orphan", "subuid.numeric-vs-name"}) {
        out.emplace_back(control, Cell::pass, nothing());
        add_common(out, control);
        if (control != std::string_view("subuid.root-delegated"))
            out.emplace_back(control, Cell::not_applicable, lines("", ""));
    }
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    add("subuid.root-delegated", Cell::fail, lines("mallory:0:1\n"));
    add("subuid.root-delegated", Cell::not_applicable,
        "without any file nobody is delegated root, which is what the control asks for: a pass");
    add("subuid.root-delegated", Cell::hostile, lines("\x1b[2Jm:0:0\n:4294967296:1\nm:0x0:-1\n"));
    add("subuid.real-id-overlap", Cell::fail, lines("alice:1001:1\n"));
    add("subuid.real-id-overlap", Cell::unknown, hostile("fifo", "/etc/passwd"));
    add("subuid.real-id-overlap", Cell::hostile, lines("alice:01751:1\nbob:4294967296:1001\n"));
    add("subuid.range-overlap", Cell::fail, lines("alice:100000:2\nbob:100001:2\n"));
    add("subuid.range-overlap", Cell::unknown, [](S& s) {
        fill(s.tree, "alice:100000:2\n1000:100001:2\n", "");
        put_hostile(s.tree, "fifo", "/etc/passwd");
    });
    add("subuid.range-overlap", Cell::hostile, lines("alice:32768:10\nbob:0100000:10\n\x80\xff:0:0\n"));
    add("subuid.self-overlap", Cell::fail, lines("alice:100000:2\n1000:100001:2\n"));
    for (const char* control : {"subuid.min-size", "subuid.gid-parity"})
        add(control, Cell::unknown, hostile("symlink", "/etc/passwd"));
    add("subuid.self-overlap", Cell::unknown, [](S& s) {
        fill(s.tree, "alice:100000:2\n1000:100001:2\n", "");
        put_hostile(s.tree, "directory", "/etc/passwd");
    });
    add("subuid.self-overlap", Cell::hostile, lines("alice:0x186a0:2\nalice:-1:5\nalice:4294967294:9\n"));
    add("subuid.reserved-overlap", Cell::fail, lines("alice:65534:1\n"));
    add("subuid.reserved-overlap", Cell::hostile, lines("alice:4294967296:70000\nalice:0177776:1\n"));
    add("subuid.min-size", Cell::fail, lines("alice:100000:65535\n"));
    add("subuid.min-size", Cell::hostile, lines("alice:0x186A0:65536\n"));
    add("subuid.gid-parity", Cell::fail, lines(one));
    add("subuid.gid-parity", Cell::hostile, lines("alice:0100000:65536\n", one));
    add("subuid.stale-owner", Cell::fail, lines("ghost:100000:65536\n"));
    add("subuid.stale-owner", Cell::unknown, hostile("fifo", "/etc/passwd"));
    add("subuid.stale-owner", Cell::hostile, lines("\x1b]0;x\a:100000:65536\n01000:200000:1\n"));
    add("subuid.rename-orphan", Cell::fail, [](S& s) {
        fill(s.tree, "alica:100000:1\n", "");
        s.tree.write("/etc/passwd-", "alica:x:1000:1000::/home/alica:/bin/sh\n");
    });
    add("subuid.rename-orphan", Cell::unknown, lines("alica:100000:1\n"));
    add("subuid.rename-orphan", Cell::hostile, [](S& s) {
        fill(s.tree, "alica:100000:1\n", "");
        s.tree.link("/etc/passwd-", "/etc/passwd-");
    });
    add("subuid.numeric-vs-name", Cell::fail, lines("alice:100000:1\n1000:200000:1\n"));
    add("subuid.numeric-vs-name", Cell::unknown, hostile("directory", "/etc/passwd"));
    add("subuid.numeric-vs-name", Cell::hostile, [](S& s) {
        fill(s.tree, "1000:100000:1\n", "");
        s.tree.write("/etc/passwd", "1000:x:1500:1500::/home/x:/bin/sh\n");
    });
    return out;
}

Cases text_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    const auto remove_files = [](S& s) {
        for (const char* path : {"/etc/subuid", "/etc/subgid"})
            s.tree.remove(path);
    };
    add("subuid.missing", Cell::pass, file("/var/lib/systemd/linger/alice", ""));
    add("subuid.missing", Cell::fail, file("/var/lib/systemd/linger/bob", ""));
    add("subuid.missing", Cell::not_applicable, nothing());
    add("subuid.missing", Cell::hostile, file("/var/lib/systemd/linger/\x1b[2J", ""));
    add_common(out, "subuid.missing");
    add("subuid.parser-divergence", Cell::pass, nothing());
    add("subuid.parser-divergence", Cell::fail, lines("alice:0x186A0:65536\n"));
    add("subuid.parser-divergence", Cell::not_applicable, remove_files);
    add("subuid.parser-divergence", Cell::unknown, hostile("fifo", "/etc/subuid"));
    add("subuid.parser-divergence", Cell::hostile,
        lines("\x1b[1m:1:2:3\n" + std::string(1 << 20, 'a') + "\n"));
    add("subuid.file-integrity", Cell::pass, nothing());
    add("subuid.file-integrity", Cell::fail, [](S& s) { s.tree.write("/etc/subuid", one, 0666); });
    add("subuid.file-integrity", Cell::not_applicable, remove_files);
    add("subuid.file-integrity", Cell::unknown, [](S& s) {
        s.touch = [](Facts& f) {
            f.file_states.clear();
            f.file_states.emplace("/etc/subuid", fail(Code::io, "stat /etc/subuid: Input/output error"));
        };
    });
    add("subuid.file-integrity", Cell::hostile, hostile("symlink", "/etc/subuid"));
    add("subuid.nss-source", Cell::pass, nothing());
    add("subuid.nss-source", Cell::fail, file("/etc/nsswitch.conf", "subid: sss\n"));
    add("subuid.nss-source", Cell::not_applicable,
        "every host takes ranges from somewhere: without nsswitch.conf from the files");
    add("subuid.nss-source", Cell::unknown, hostile("fifo", "/etc/nsswitch.conf"));
    add("subuid.nss-source", Cell::hostile, file("/etc/nsswitch.conf", "subid: ../../\x1b[2J\n"));
    return out;
}

Cases engine_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    const auto owner_alice = [](S& s) {
        s.tree.write("/etc/containers/storage.conf",
                     "[storage.options]\nroot-auto-userns-user = \"alice\"\n");
    };
    add("subuid.containers-user", Cell::pass, owner_alice);
    add("subuid.containers-user", Cell::fail, lines("containers:500000:10\n"));
    add("subuid.containers-user", Cell::not_applicable, nothing());
    add("subuid.containers-user", Cell::unknown, file("/etc/containers/storage.conf", "[storage\n"));
    add("subuid.containers-user", Cell::unknown, [](S& s) {
        fill(s.tree, "containers:500000:65536\n", "containers:500000:65536\n");
        put_hostile(s.tree, "fifo", "/etc/passwd");
    });
    add("subuid.containers-user", Cell::unknown, [](S& s) {
        fill(s.tree, "containers:500000:65536\n", "containers:500000:65536\n");
        s.tree.write("/etc/nsswitch.conf", "passwd: files sss\n");
    });
    add("subuid.containers-user", Cell::hostile, [=](S& s) {
        owner_alice(s);
        put_hostile(s.tree, "fifo", "/etc/subuid");
    });
    add("subuid.idmap-helpers", Cell::pass, nothing());
    add("subuid.idmap-helpers", Cell::fail, [](S& s) { s.tree.remove("/usr/bin/newuidmap"); });
    add("subuid.idmap-helpers", Cell::not_applicable, [](S& s) {
        fill(s.tree, "", "");
        s.tree.remove("/usr/bin");
    });
    add("subuid.idmap-helpers", Cell::unknown, [](S& s) { s.tree.link("/usr/bin/newuidmap", "newuidmap"); });
    add("subuid.idmap-helpers", Cell::hostile, hostile("fifo", "/usr/bin/newuidmap"));
    add("subuid.alloc-policy", Cell::pass, nothing());
    add("subuid.alloc-policy", Cell::fail, file("/etc/login.defs", "SUB_UID_COUNT 1\n"));
    add("subuid.alloc-policy", Cell::not_applicable, "useradd always has a policy: its built-in one");
    add("subuid.alloc-policy", Cell::unknown, hostile("directory", "/etc/login.defs"));
    add("subuid.alloc-policy", Cell::hostile,
        file("/etc/login.defs", "SUB_UID_MIN 0x\x1b[2J\nSUB_GID_MAX -1\n"));
    return out;
}

host::Process contained(std::vector<host::IdMapLine> map) {
    host::Process p;
    p.pid = 20;
    p.parent = 1;
    p.comm = "app\x1b[2J";
    p.user_ns = 5000;
    p.uid_map = map;
    p.gid_map = std::move(map);
    return p;
}

Case::Arrange running(std::vector<host::Process> processes) {
    return [=](S& s) {
        s.touch = [=](Facts& f) {
            f.live = true;
            f.processes = processes;
        };
    };
}

Cases use_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    auto dark = contained({});
    dark.user_ns.reset();
    dark.uid_map.reset();
    add("subuid.effective-mapping", Cell::pass, running({contained({{0, 1000, 1}, {1, 100000, 65536}})}));
    add("subuid.effective-mapping", Cell::fail, running({contained({{0, 1000, 1}, {1, 300000, 65536}})}));
    add("subuid.effective-mapping", Cell::not_applicable, nothing());
    add("subuid.effective-mapping", Cell::unknown, running({dark}));
    add("subuid.effective-mapping", Cell::hostile, running({contained({{0, 1000, 1}, {1, 0, 4294967295U}})}));
    add("subuid.foreign-scan", Cell::not_applicable, nothing());
    add("subuid.foreign-scan", Cell::unknown, [](S& s) { s.tree.link(storage, "/srv/storage"); });
    const auto own = [](S& s) {
        s.tree.write(std::string(storage) + "/x", "");
        s.touch = [](Facts& f) {
            f.scan.stores = {{"alice", storage, StoredIds::Whose::user, {{100001, "x"}}, {{100001, "x"}}}};
        };
    };
    add("subuid.foreign-scan", Cell::pass, own);
    add("subuid.foreign-scan", Cell::fail, [](S& s) { s.tree.write(std::string(storage) + "/x", ""); });
    add("subuid.foreign-scan", Cell::hostile, [](S& s) {
        s.tree.write(std::string(storage) + "/\x1b[2J\xff", "");
        s.tree.link(std::string(storage) + "/etc", "/etc");
    });
    return out;
}

TEST(SubuidCensus, LeavesNoControlOut) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root: the files of its trees belong to root";
    Cases all;
    for (auto&& part : {range_cases(), text_cases(), engine_cases(), use_cases()})
        all.insert(all.end(), part.begin(), part.end());
    tests::take_census<Subuid>(base, all);
}

}  // namespace
}  // namespace plimsoll::modules::subuid
