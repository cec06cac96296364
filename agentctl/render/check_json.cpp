// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/report.hpp"

namespace plimsoll::agentctl::render {
namespace {

Value text_or_null(const std::string& s) {
    return s.empty() ? Value() : Value(s);
}

Value finding_json(const policy::Finding& f) {
    Table out;
    out.set("control", f.control);
    out.set("subject", f.subject);
    out.set("status", policy::name_of(f.status));
    out.set("severity", policy::name_of(f.severity));
    out.set("mode", policy::name_of(f.mode));
    out.set("message", f.message);
    out.set("evidence", evidence_json(f.evidence));
    Table fix;
    if (f.fix) {
        fix.set("class", policy::name_of(f.fix->cls));
        fix.set("summary", f.fix->summary);
    }
    out.set("fix", f.fix ? Value(std::move(fix)) : Value());
    if (!f.exception.empty())
        out.set("exception", f.exception);
    return out;
}

}  // namespace

Value nullable(const std::optional<std::string>& text) {
    return text ? Value(*text) : Value();
}

Value string_array(const std::vector<std::string_view>& texts) {
    Array out;
    for (const auto t : texts)
        out.emplace_back(t);
    return out;
}

Value host_json(const HostInfo& host) {
    Table os;
    os.set("id", text_or_null(host.os_id));
    os.set("version_id", text_or_null(host.os_version));
    os.set("pretty_name", text_or_null(host.os_name));
    Table out;
    out.set("root", host.root);
    out.set("live", host.live);
    out.set("os", std::move(os));
    out.set("kernel", nullable(host.kernel));
    out.set("hostname", nullable(host.hostname));
    return out;
}

Value evidence_json(const std::vector<policy::Evidence>& evidence) {
    Array out;
    for (const auto& e : evidence) {
        Table item;
        item.set("source", e.source);
        item.set("found", e.found);
        item.set("expected", e.expected);
        out.emplace_back(std::move(item));
    }
    return out;
}

Value check_json(const Report& report) {
    Table policy_part;
    policy_part.set("profile", report.profile);
    policy_part.set("digest", report.digest);
    Table summary;
    const auto count = report.assessment.count();
    for (std::size_t i = 0; i < count.size(); ++i)
        summary.set(std::string(policy::status_names[i]), static_cast<std::int64_t>(count[i]));
    Array findings;
    for (const auto& f : report.assessment.findings)
        findings.push_back(finding_json(f));
    Table out;
    out.set("schema", "plimsoll.check/1");
    out.set("host", host_json(report.host));
    out.set("policy", std::move(policy_part));
    out.set("summary", std::move(summary));
    out.set("findings", std::move(findings));
    return out;
}

}  // namespace plimsoll::agentctl::render
