// SPDX-License-Identifier: Apache-2.0
// A policy as text: the canonical document that is kept and digested, and the one with origins that people
// read.
#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "core/base/toml.hpp"
#include "core/policy/merge.hpp"

#include <algorithm>

namespace plimsoll::policy {
namespace {

void put(Table& to, std::string key, Value v) {
    to.append({std::move(key), std::move(v), {}});
}

Value subid_value(const SubidRequest& request) {
    if (request.kind == SubidRequest::Kind::allocate)
        return "allocate";
    Array ranges;
    for (const Range& r : request.ranges)
        ranges.emplace_back(std::to_string(r.start) + ":" + std::to_string(r.size()));
    return ranges;
}

Table tenant_table(const Tenant& t) {
    static constexpr std::array<const char*, 3> kinds{"existing", "system", "regular"};
    const auto allocates = [](const SubidRequest& r) { return r.kind == SubidRequest::Kind::allocate; };
    Table out;
    put(out, "user", t.user);
    put(out, "kind", kinds[static_cast<std::size_t>(t.kind)]);
    if (t.uid)
        put(out, "uid", std::int64_t{*t.uid});
    if (!t.home.empty())
        put(out, "home", t.home);
    if (!t.shell.empty())
        put(out, "shell", t.shell);
    if (t.subuid.kind != SubidRequest::Kind::unmanaged)
        put(out, "subuid", subid_value(t.subuid));
    if (t.subgid.kind != SubidRequest::Kind::unmanaged)
        put(out, "subgid", subid_value(t.subgid));
    if (allocates(t.subuid) || allocates(t.subgid))
        put(out, "count", static_cast<std::int64_t>(allocates(t.subuid) ? t.subuid.count : t.subgid.count));
    if (t.linger)
        put(out, "linger", *t.linger);
    return out;
}

Table exception_table(const Exception& e) {
    Table out;
    put(out, "control", e.control);
    put(out, "subject", e.subject);
    put(out, "owner", e.owner);
    put(out, "reason", e.reason);
    put(out, "expires", DateTime{e.expires, true, false});
    return out;
}

Table control_table(const ControlPolicy& c, const std::map<std::string, Value>* params) {
    Table out;
    put(out, "mode", name_of(c.mode));
    if (c.severity)
        put(out, "severity", name_of(*c.severity));
    put(out, "required", c.required);
    if (params != nullptr)
        for (const auto& [key, value] : *params)
            put(out, key, value);
    return out;
}

const std::map<std::string, Value>* params_of(const Policy& policy, std::string_view control) {
    const auto it = policy.params.find(control);
    return it == policy.params.end() ? nullptr : &it->second;
}

std::array<const std::optional<Table>*, 3> confs_of(const Provision& p) {
    return {&p.containers_conf, &p.storage_conf, &p.registries_conf};
}

Table provision_table(const Provision& p) {
    Table out;
    if (!p.delegate.empty())
        put(out, "delegate", p.delegate);
    Table sysctl;
    for (const auto& [name, value] : p.sysctl)
        put(sysctl, name, value);
    if (!sysctl.empty())
        put(out, "sysctl", std::move(sysctl));
    Array tenants;
    for (const Tenant& t : p.tenants)
        tenants.emplace_back(tenant_table(t));
    if (!tenants.empty())
        put(out, "tenant", std::move(tenants));
    for (std::size_t i = 0; i < conf_names.size(); ++i)
        if (const auto& conf = *confs_of(p)[i])
            put(out, std::string(conf_names[i]), *conf);
    return out;
}

// ---- with origins ----

class Page {
  public:
    explicit Page(const Policy& policy) : policy_(policy) {}

    void heading(const std::string& text) { text_ += (text_.empty() ? "" : "\n") + text + "\n"; }

    void value(const std::string& key, const Value& v, const std::string& origin,
               std::string_view before = "") {
        Table one;
        put(one, key, v);
        std::string text = std::string(before) + to_toml(one);
        text.pop_back();
        text_ += text + std::string(text.size() < comment_column ? comment_column - text.size() : 2, ' ') +
                 "# " + origin + "\n";
    }

    // The origin noted for "PATH.KEY".
    [[nodiscard]] std::string origin(const std::string& path) const {
        const auto it = policy_.origins.find(path);
        return it == policy_.origins.end() ? "default" : it->second;
    }

    [[nodiscard]] std::string take() { return std::move(text_); }

  private:
    static constexpr std::size_t comment_column = 40;
    const Policy& policy_;
    std::string text_;
};

// A key as it stands in a heading.
std::string key_text(const std::string& key) {
    Table one;
    put(one, key, true);
    const std::string line = to_toml(one);
    return line.substr(0, line.size() - std::string_view(" = true\n").size());
}

void show_control(Page& page, const ControlInfo& info, const Policy& policy) {
    const std::string id(info.id);
    const auto it = policy.controls.find(id);
    if (it == policy.controls.end())
        return;
    const ControlPolicy& c = it->second;
    const auto origin = [&](const std::string& key) { return page.origin("control." + id + "." + key); };
    page.heading("[control.\"" + id + "\"]");
    page.value("mode", name_of(c.mode), origin("mode"));
    // Only an override is part of the policy; without one the control, or a single finding, decides.
    page.value("severity", name_of(c.severity.value_or(info.severity)), origin("severity"),
               c.severity ? "" : "# ");
    page.value("required", c.required, origin("required"));
    if (const auto* params = params_of(policy, id))
        for (const auto& [key, value] : *params)
            page.value(key, value, origin(key));
}

void show_conf(Page& page, const std::string& heading, const std::string& path, const Table& table) {
    page.heading("[" + heading + "]");
    for (const Member& m : table)
        if (m.value.table() == nullptr)
            page.value(m.key, m.value, page.origin(path + "." + m.key));
    for (const Member& m : table)
        if (const Table* inner = m.value.table())
            show_conf(page, heading + "." + key_text(m.key), path + "." + m.key, *inner);
}

void show_provision(Page& page, const Provision& p) {
    if (!p.delegate.empty()) {
        page.heading("[provision]");
        page.value("delegate", p.delegate, page.origin("provision.delegate"));
    }
    if (!p.sysctl.empty())
        page.heading("[provision.sysctl]");
    for (const auto& [name, value] : p.sysctl)
        page.value(name, value, page.origin("provision.sysctl." + name));
    for (const Tenant& t : p.tenants) {
        page.heading("[[provision.tenant]]");
        for (const Member& m : tenant_table(t))
            page.value(m.key, m.value, t.origin);
    }
    for (std::size_t i = 0; i < conf_names.size(); ++i) {
        const std::string path = "provision." + std::string(conf_names[i]);
        if (const auto& conf = *confs_of(p)[i])
            show_conf(page, path, path, *conf);
    }
}

}  // namespace

std::string to_policy_toml(const Policy& policy, const Catalogue&) {
    Table out;
    put(out, "profile", policy.profile);
    Array exceptions;
    for (const Exception& e : policy.exceptions)
        exceptions.emplace_back(exception_table(e));
    if (!exceptions.empty())
        put(out, "exception", std::move(exceptions));
    Table controls;
    for (const auto& [id, control] : policy.controls)
        put(controls, id, control_table(control, params_of(policy, id)));
    if (!controls.empty())
        put(out, "control", std::move(controls));
    Table provision = provision_table(policy.provision);
    if (!provision.empty())
        put(out, "provision", std::move(provision));
    return to_toml(out);
}

std::string show_policy(const Policy& policy, const Catalogue& catalogue) {
    Page page(policy);
    page.value("profile", policy.profile, page.origin("profile"));
    for (const ControlInfo* info : catalogue.controls)
        show_control(page, *info, policy);
    for (const Exception& e : policy.exceptions) {
        page.heading("[[exception]]");
        for (const Member& m : exception_table(e))
            page.value(m.key, m.value, e.origin);
    }
    show_provision(page, policy.provision);
    return page.take();
}

}  // namespace plimsoll::policy
