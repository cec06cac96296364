// SPDX-License-Identifier: Apache-2.0
#include "modules/provision/provision.hpp"

#include "core/base/digest.hpp"
#include "modules/provision/judge.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace plimsoll::modules::provision {
namespace {

using policy::Finding;
using policy::FixClass;
using policy::Severity;
using policy::Status;

// In the order in which apply makes their fixes. Linger comes last: it starts the tenant's service manager,
// which sees only the controllers that were delegated by then. Can only throw for lack of memory, before
// anything has been done. NOLINTNEXTLINE(cert-err58-cpp)
const std::array<policy::ControlInfo, 6> table{{
    {"provision.user",
     "P10",
     "Tenant accounts exist",
     "Rootless containers belong to an unprivileged account of their own. Without it a tenant's services do "
     "not start, or somebody runs them as root or under another tenant's account.",
     Severity::medium,
     FixClass::live,
     "Creates the account with a locked password, its group and an empty home of mode 0700. Nothing is "
     "copied "
     "from /etc/skel: a service account needs no shell start-up files, and a person's account can be given "
     "them with cp -rT /etc/skel. Accounts of kind \"existing\" are left to whoever makes them, and uid, "
     "home "
     "or kind of an account that exists are never changed.",
     {"useradd(8)", "passwd(5)", "shadow(5)", "login.defs(5)", "nss-altfiles"}},
    {"provision.subid",
     "P11",
     "Tenants have their subordinate ids",
     "Without ranges in both files rootless Podman maps only the user's own id: images with more than one "
     "user fail to unpack, or all their files collapse into one owner. useradd(8) gives none to system "
     "accounts.",
     Severity::medium,
     FixClass::live,
     "Adds the missing ranges, recorded in the ledger of ranges ever given out. A range that belongs to "
     "anybody else is never taken, and none is ever taken away: files may belong to its ids.",
     {"subuid(5)", "subgid(5)", "newuidmap(1)", "user_namespaces(7)"}},
    {"provision.engine-config",
     "P13",
     "Container engine configuration is in place",
     "Engines fall back to their built-in defaults for what no file says. What the policy states has to be "
     "in "
     "a file that they read, for every user of the host.",
     Severity::medium,
     FixClass::live,
     "Writes drop-ins of our own (60-plimsoll.conf). Storage libraries before that of Podman 6 read no "
     "drop-in "
     "for storage.conf: then the whole file is written, but only where there is none or it is ours. New "
     "containers follow the new settings, running ones keep theirs.",
     {"containers.conf(5)", "containers-storage.conf(5)", "containers-registries.conf(5)"}},
    {"provision.delegation",
     "P14",
     "Cgroup controllers are delegated to users",
     "Limits on memory, processor, I/O and processes of rootless containers only work when the controllers "
     "are delegated to the user's manager; systemd delegates cpu, memory and pids by itself.",
     Severity::medium,
     FixClass::live,
     "Writes a drop-in for user@.service and reloads the manager. Users get the controllers when their "
     "manager "
     "starts next: at their next login, or after a restart of user@UID.service.",
     {"systemd.resource-control(5)", "cgroups(7)"}},
    {"provision.sysctl",
     "P15",
     "Kernel settings that rootless containers need",
     "User namespaces, low ports and the number of watches are limits of the kernel: when they are too low, "
     "rootless containers fail in ways that tempt people back to root.",
     Severity::medium,
     FixClass::live,
     "Writes one sysctl.d file per key and sets the running kernel's value.",
     {"sysctl.d(5)", "user_namespaces(7)", "ip(7)"}},
    {"provision.linger",
     "P12",
     "Tenants linger as stated",
     "Without linger a user's services end with the last session and do not start at boot; with linger that "
     "nobody asked for, whatever an intruder leaves in the account starts at every boot.",
     Severity::medium,
     FixClass::live,
     "Has logind let the user linger, which starts the user's service manager; on an image, makes the file "
     "that logind reads at boot. For a tenant that is not to linger the reverse, as one of class "
     "containers-stopped: without a session, its services stop at once.",
     {"loginctl(1)", "systemd-logind.service(8)"}},
}};

Finding not_configured(Control c, std::string_view what) {
    return make_finding(info(c), Status::not_applicable, "host",
                        "the policy provisions no " + std::string(what));
}

void append(std::vector<Finding>& to, std::vector<Finding> from, Control c, std::string_view what) {
    if (from.empty())
        from.push_back(not_configured(c, what));
    std::ranges::move(from, std::back_inserter(to));
}

}  // namespace

const policy::ControlInfo& info(Control c) {
    return table[static_cast<std::size_t>(c)];
}

Finding pass(Control c, std::string subject, std::string message) {
    return make_finding(info(c), Status::pass, std::move(subject), std::move(message));
}

Finding unknown(Control c, std::string subject, const Error& why) {
    return make_finding(info(c), Status::unknown, std::move(subject), why.message);
}

Finding refuse(Control c, std::string subject, std::string message, std::string todo,
               std::vector<policy::Evidence> evidence) {
    auto f = make_finding(info(c), Status::fail, std::move(subject), std::move(message), std::move(evidence));
    f.fix = policy::Fix{FixClass::never_automatic, std::move(todo), {}};
    return f;
}

Finding repair(Control c, std::string subject, std::string message, std::string summary,
               std::vector<policy::Change> changes, std::vector<policy::Evidence> evidence) {
    auto f = make_finding(info(c), Status::fail, std::move(subject), std::move(message), std::move(evidence));
    f.fix = policy::Fix{info(c).fix_class, std::move(summary), std::move(changes)};
    return f;
}

policy::WriteFile write_file(std::string path, std::string content,
                             const std::optional<std::string>& observed) {
    policy::WriteFile w{std::move(path), std::move(content)};
    w.expect = observed ? sha256(*observed) : "";
    return w;
}

std::optional<std::string> no_account(const Context& c, const policy::Tenant& t) {
    if (std::ranges::find(c.tenants, &t) == c.tenants.end())
        return "the policy's entry for the tenant is refused";
    if (const auto it = c.accounts.find(t.user); it != c.accounts.end())
        return it->second.uid == 0 ? std::optional<std::string>("the tenant is root") : std::nullopt;
    if (t.kind == policy::Tenant::Kind::existing && !c.facts.accounts->remote_sources.empty())
        return std::nullopt;
    return "the tenant has no account";
}

const Error* first_error(std::initializer_list<const FileText*> files) {
    for (const FileText* f : files)
        if (!*f)
            return &f->error();
    return nullptr;
}

std::span<const policy::ControlInfo> Provision::controls() {
    return table;
}

const std::vector<policy::Param<Params>>& Provision::params() {
    static const std::vector<policy::Param<Params>> none;
    return none;
}

Facts Provision::observe(const host::Host& host, const Params& /*params*/, const policy::Provision& wanted) {
    return observe_facts(host, wanted);
}

std::vector<Finding> Provision::evaluate(const Params& /*params*/, const policy::Provision& wanted,
                                         const Facts& facts, Time now) {
    Context context{wanted, facts, now};
    std::vector<Finding> out;
    append(out, judge_users(context), Control::user, "tenant");
    append(out, judge_subids(context), Control::subid, "subordinate ids");
    append(out, judge_engine_config(context), Control::engine_config, "engine configuration");
    append(out, judge_delegation(context), Control::delegation, "delegation of controllers");
    append(out, judge_sysctl(context), Control::sysctl, "kernel setting");
    append(out, judge_linger(context), Control::linger, "linger");
    return out;
}

}  // namespace plimsoll::modules::provision
