// SPDX-License-Identifier: Apache-2.0
// Prints the schema of the test catalogue beside policy files that the compiler accepts and refuses, as JSON.
// schema_test.py asks an independent validator whether it agrees.
#include "core/base/json.hpp"
#include "core/base/toml.hpp"
#include "core/policy/testing/catalogue.hpp"

#include <cstdio>

namespace {
using namespace plimsoll;
using namespace plimsoll::policy;

#define EXC "[[exception]]\ncontrol = \"demo.*\"\nsubject = \"*\"\nowner = \"o\"\n"
#define LIVE "[control.\"demo.live\"]\n"
#define TENANT "[[provision.tenant]]\nuser = \"web\"\n"

constexpr const char* accepted[] = {
    "",
    "profile = \"rootless-strict\"\n" LIVE
    "mode = \"off\"\nseverity = \"low\"\nrequired = false\nmin = 100\n",
    "[control.\"demo.person\"]\nallowed = [\"größer\"]\ncaps = [\"kill\"]\n[control.\"policy.files\"]\nmode "
    "= \"audit\"\n",
    EXC "reason = \"r\"\nexpires = \"2027-01-31\"\n",
    EXC "reason = \"r\"\nexpires = \"2027-01-31T10:00:00.5+02:00\"\n",
    "[provision]\ndelegate = [\"cpu\", \"pids\"]\nsysctl = { \"user.x\" = 1, \"net.ipv4.y\" = \"0 1\" }\n",
    TENANT
    "kind = \"system\"\nuid = 990\nhome = \"/srv/web\"\nshell = \"/bin/sh\"\nsubuid = \"allocate\"\n"
    "count = 5\nsubgid = [\"100000:65536\", \"300000:1\"]\nlinger = true\n",
    "[provision.containers_conf.engine]\nx = [1, { y = 2.5 }]\n[provision.storage_conf]\n",
};

constexpr const char* refused[] = {
    "profil = 1\n",
    "profile = \"strict\"\n",
    "control = 1\n",
    "[control.\"demo.lives\"]\n",
    "[control.demo.live]\nmode = \"off\"\n",
    LIVE "mode = \"on\"\n",
    LIVE "severity = \"worst\"\n",
    LIVE "required = 1\n",
    LIVE "min = 0\n",
    LIVE "min = 101\n",
    LIVE "min = \"5\"\n",
    LIVE "min = 5.5\n",
    LIVE "deep = 1\n",
    LIVE "max = 1\n",
    "[control.\"demo.restart\"]\ndriver = \"none\"\n",
    "[control.\"demo.restart\"]\nlabel = \"a\\nb\"\n",
    "[control.\"demo.person\"]\nallowed = \"x\"\n",
    "[control.\"demo.person\"]\nallowed = [1]\n",
    "[control.\"demo.person\"]\ncaps = [\"all\"]\n",
    "[exception]\n",
    EXC "expires = \"2027-01-31\"\n",
    EXC "reason = \" \"\nexpires = \"2027-01-31\"\n",
    EXC "reason = \"r\"\nexpires = \"2027-01-31T10:00:00\"\n",
    EXC "reason = \"r\"\nexpires = \"soon\"\n",
    EXC "reason = \"r\"\nexpires = 2027\n",
    EXC "reason = \"r\"\nexpires = \"2027-01-31\"\nuntil = 1\n",
    "[provision]\nusers = []\n",
    "[provision]\ndelegate = [\"cpuacct\"]\n",
    "[provision.sysctl]\n\"a/b\" = 1\n",
    "[provision.sysctl]\n\"a..b\" = 1\n",
    "[provision.sysctl]\n\"a.b\" = true\n",
    "[[provision.tenant]]\nlinger = true\n",
    "[[provision.tenant]]\nuser = \"a:b\"\n",
    TENANT "kind = \"admin\"\n",
    TENANT "kind = \"system\"\nuid = 0\n",
    TENANT "kind = \"system\"\nuid = 4294967295\n",
    TENANT "kind = \"system\"\nhome = \"srv\"\n",
    TENANT "kind = \"system\"\nhome = \"/a:b\"\n",
    TENANT "subuid = \"0:65536\"\n",
    TENANT "subuid = \"100000:0\"\n",
    TENANT "subuid = \"0100000:1\"\n",
    TENANT "subuid = []\n",
    TENANT "subuid = 5\n",
    TENANT "subuid = \"allocate\"\ncount = 0\n",
    TENANT "linger = \"yes\"\n",
    TENANT "nam = 1\n",
    "[provision]\nstorage_conf = 1\n",
};

// nullopt: the compiler does not judge one of them as this file says.
std::optional<Array> documents(std::span<const char* const> texts, bool good) {
    Array out;
    for (const char* text : texts) {
        const auto document = parse_toml(text, "example");
        if (!document || compile_policy({{"example", text}}, fake::catalogue()).has_value() != good) {
            std::fprintf(stderr, "judged otherwise by the compiler:\n%s\n", text);
            return std::nullopt;
        }
        out.push_back(*document);
    }
    return out;
}

}  // namespace

int main() {
    auto good = documents(accepted, true);
    auto bad = documents(refused, false);
    if (!good || !bad)
        return 1;
    Table out;
    out.set("schema", policy_schema(fake::catalogue()));
    out.set("accepted", *std::move(good));
    out.set("refused", *std::move(bad));
    std::puts(to_json(out).c_str());
}
