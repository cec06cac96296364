// SPDX-License-Identifier: Apache-2.0
#include "modules/provision/facts.hpp"

#include "core/base/text.hpp"
#include "modules/provision/tenant.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::provision {
namespace {

FileText read_text(const host::Sysroot& root, std::string_view path) {
    auto text = root.read(path);
    if (text)
        return std::optional(*std::move(text));
    if (text.error().code == Code::not_found)
        return std::nullopt;
    return Failure(std::move(text).error());
}

template <class T>
Result<std::optional<T>> absent_is_none(Result<T> r) {
    if (r)
        return std::optional(*std::move(r));
    if (r.error().code == Code::not_found)
        return std::nullopt;
    return Failure(std::move(r).error());
}

Result<std::optional<Home>> read_home(const host::Sysroot& root, const std::string& path) {
    PLIMSOLL_TRY(const auto st, absent_is_none(root.stat(path)));
    if (!st)
        return std::nullopt;
    return Home{S_ISDIR(st->st_mode), st->st_uid, st->st_mode & 07777U};
}

Result<bool> read_linger(const host::Sysroot& root, const std::string& user) {
    PLIMSOLL_TRY(const auto st, absent_is_none(root.lstat(std::string(linger_dir) + user)));
    if (st && !S_ISREG(st->st_mode))
        return fail(Code::integrity,
                    std::string(linger_dir) + user + " is " + std::string(host::file_type_name(st->st_mode)));
    return st.has_value();
}

TenantFacts read_tenant(const host::Host& host, const policy::Tenant& t, const Facts& facts) {
    TenantFacts out;
    const host::User* u = facts.accounts ? facts.accounts->user(t.user) : nullptr;
    const std::string home = u != nullptr ? u->home : home_of(t);
    out.home = read_home(host.root(), home);
    out.linger = read_linger(host.root(), t.user);
    out.has_storage = host.root().exists(home + "/.local/share/containers/storage");
    return out;
}

SysctlFacts read_sysctl(const host::Host& host, const host::SysctlFiles& files, const std::string& key) {
    SysctlFacts out{.key = key, .knob = host::sysctl_knob(key)};
    if (!out.knob)
        return out;
    out.at_boot = files.effective(key);
    if (out.at_boot)
        out.drop_in = host::sysctl_drop_in_path(key, *out.at_boot);
    if (out.drop_in)
        out.ours = read_text(host.root(), *out.drop_in);
    if (host.live())
        out.live = read_text(host.root(), *out.knob);
    return out;
}

// The storage library reads drop-ins since the release that came with podman 6; before, only the whole file.
std::string storage_conf_path(const host::Host& host) {
    const auto& podman = host.package_version("podman");
    const std::string version = podman ? podman->value_or("") : "";
    const std::string_view upstream = std::string_view(version).substr(version.find(':') + 1);  // no epoch
    return parse_u64(upstream.substr(0, upstream.find('.'))).value_or(0) >= 6
               ? "/etc/containers/storage.conf.d/60-plimsoll.conf"
               : "/etc/containers/storage.conf";
}

void observe_engine_config(const host::Host& host, const policy::Provision& wanted, Facts& f) {
    const host::Sysroot& root = host.root();
    f.containers_conf.path = "/etc/containers/containers.conf.d/60-plimsoll.conf";
    f.registries_conf.path = "/etc/containers/registries.conf.d/60-plimsoll.conf";
    if (wanted.containers_conf)
        f.containers_conf.text = read_text(root, f.containers_conf.path);
    if (wanted.registries_conf)
        f.registries_conf.text = read_text(root, f.registries_conf.path);
    if (!wanted.storage_conf)
        return;
    f.storage_conf.path = storage_conf_path(host);
    f.storage_conf.text = read_text(root, f.storage_conf.path);
    f.rootful_storage = root.exists("/var/lib/containers/storage");
}

// shadow's lib/nss.c: the first word after "subid:", "files" when there is no such line.
Result<std::string> read_subid_source(const host::Sysroot& root) {
    PLIMSOLL_TRY(const auto text, read_text(root, "/etc/nsswitch.conf"));
    for (const auto line : split_lines(text ? std::string_view(*text) : std::string_view()))
        if (const auto fields = words(line.substr(0, line.find('#')));
            fields.size() > 1 && fields[0] == "subid:")
            return std::string(fields[1]);
    return "files";
}

bool allocates(const policy::Tenant& t) {
    using enum policy::SubidRequest::Kind;
    return t.subuid.kind == allocate || t.subgid.kind == allocate;
}

void observe_tenants(const host::Host& host, const policy::Provision& wanted, Facts& f) {
    static constexpr std::array files{"passwd", "group", "shadow", "gshadow", "subuid", "subgid"};
    if (wanted.tenants.empty())
        return;
    f.accounts = host.accounts();
    f.login_defs = host::read_login_defs(host.root());
    for (const char* name : files)
        f.account_files[name] = read_text(host.root(), std::string("/etc/") + name);
    f.ledger = host.ledger().read(host.root(), host::ledger_path(host.state_dir()));
    f.subid_source = read_subid_source(host.root());
    if (f.live && std::ranges::any_of(wanted.tenants, allocates))
        f.processes = host.processes();
    for (const auto& t : wanted.tenants)
        if (!refusal(t))
            f.tenants[t.user] = read_tenant(host, t, f);
}

}  // namespace

const FileText& Facts::account_file(std::string_view name) const {
    static const FileText absent{};
    const auto it = account_files.find(name);
    return it == account_files.end() ? absent : it->second;
}

Facts observe_facts(const host::Host& host, const policy::Provision& wanted) {
    Facts f;
    f.live = host.live();
    f.systemd_runs = f.live && host.root().exists("/run/systemd/system");
    observe_tenants(host, wanted, f);
    observe_engine_config(host, wanted, f);
    if (!wanted.delegate.empty()) {
        f.delegate_drop_in = read_text(host.root(), delegate_path);
        f.user_unit = host.unit("user@.service");
        if (f.user_unit && *f.user_unit)
            f.disabled_controllers = host::disabled_controllers(host, **f.user_unit, std::nullopt);
    }
    if (!wanted.sysctl.empty()) {
        const auto files = host::read_sysctl_files(host.root());
        for (const auto& [key, value] : wanted.sysctl)
            f.sysctl.push_back(read_sysctl(host, files, key));
    }
    return f;
}

}  // namespace plimsoll::modules::provision
