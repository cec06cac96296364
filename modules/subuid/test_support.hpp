// SPDX-License-Identifier: Apache-2.0
// What the tests of this module share: a tree in, the findings of one control out.
#pragma once
#include "modules/subuid/subuid.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

namespace plimsoll::modules::subuid {

using policy::Finding;
using policy::FixClass;
using policy::Severity;
using policy::Status;
using tests::Tree;

struct Options {
    Params params{};
    policy::Provision wanted{};
    bool live{false};
};

inline constexpr std::string_view passwd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "alice:x:1000:1000::/home/alice:/bin/bash\n"
    "bob:x:1001:1001::/home/bob:/bin/bash\n";
inline constexpr std::string_view group = "root:x:0:\nalice:x:1000:\nbob:x:1001:\n";

inline std::vector<Finding> judge(const Tree& tree, const Options& options = {}) {
    const auto host = options.live ? tree.live_host() : tree.host();
    return Subuid::evaluate(options.params, options.wanted,
                            Subuid::observe(host, options.params, options.wanted), {});
}

inline std::vector<Finding> of(const std::vector<Finding>& all, std::string_view control) {
    std::vector<Finding> out;
    std::ranges::copy_if(all, std::back_inserter(out),
                         [&](const Finding& f) { return f.control == control; });
    return out;
}

inline std::vector<Finding> judge(const Tree& tree, std::string_view control, const Options& options = {}) {
    return of(judge(tree, options), control);
}

// "fail alice critical fixable", "pass host": the findings in short, for tables.
inline std::vector<std::string> brief(const std::vector<Finding>& findings) {
    std::vector<std::string> out;
    for (const Finding& f : findings) {
        std::string line = std::string(policy::name_of(f.status)) + " " + f.subject;
        if (f.status == Status::fail) {
            line += " " + std::string(policy::name_of(f.severity));
            line += f.fix && !f.fix->changes.empty() ? " fixable" : " by-hand";
        }
        out.push_back(std::move(line));
    }
    return out;
}

// A tree with root, alice and bob, and these two files.
struct Case {
    const char* what;
    std::string subuid;
    std::string subgid;
    std::vector<std::string> expected;

    friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.what; }
};

inline void fill(const Tree& tree, const std::string& subuid, const std::string& subgid) {
    tree.write("/etc/passwd", passwd);
    tree.write("/etc/group", group);
    tree.write("/etc/subuid", subuid);
    tree.write("/etc/subgid", subgid);
}

inline void expect_cases(std::string_view control, const std::vector<Case>& cases,
                         const Options& options = {}) {
    for (const Case& c : cases) {
        SCOPED_TRACE(c.what);
        const Tree tree;
        fill(tree, c.subuid, c.subgid);
        EXPECT_EQ(brief(judge(tree, control, options)), c.expected);
    }
}

// The head of a shared object, as far as the loader's first look goes.
inline const std::string shared_object =
    std::string("\177ELF\2\1\1", 7) + std::string(9, '\0') + "\3" + std::string(7, '\0');

// A user of systemd-homed, as its record in /var/lib tells.
inline void write_homed(const Tree& tree, const std::string& name, std::uint32_t uid) {
    tree.write("/var/lib/systemd/home/" + name + ".identity",
               R"({"userName": ")" + name + R"(", "binding": {"0123456789abcdef0123456789abcdef": {"uid": )" +
                   std::to_string(uid) + "}}}");
}

// Nothing of the module may be called passing when neither file can be judged.
inline std::vector<std::string> hostile_places() {
    return {"fifo", "directory", "symlink"};
}

inline void put_hostile(const Tree& tree, const std::string& kind, std::string_view path) {
    tree.remove(path);
    if (kind == "fifo")
        tree.fifo(path);
    else if (kind == "directory")
        tree.directory(path);
    else
        tree.link(path, "/etc/passwd");
}

}  // namespace plimsoll::modules::subuid
