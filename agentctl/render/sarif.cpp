// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/report.hpp"
#include "core/base/digest.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <optional>

namespace plimsoll::agentctl::render {
namespace {

using policy::Finding;
using policy::Status;

Table text_object(std::string_view text) {
    Table out;
    out.set("text", text);
    return out;
}

std::string_view level_of(policy::Severity s) {
    return s >= policy::Severity::high ? "error" : s == policy::Severity::medium ? "warning" : "note";
}

// SARIF 3.27.9: anything but "fail" carries the level "none".
std::string_view kind_of(Status s) {
    switch (s) {
        case Status::pass:
            return "pass";
        case Status::not_applicable:
            return "notApplicable";
        case Status::unknown:
            return "open";
        case Status::fail:
        case Status::excepted:
            break;
    }
    return "fail";
}

// RFC 3986: everything outside "unreserved" and '/' is percent-encoded.
std::string uri_path(std::string_view path) {
    static constexpr std::string_view hex = "0123456789ABCDEF";
    static constexpr std::string_view keep =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    std::string out;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (keep.find(c) != std::string_view::npos)
            out += c;
        else
            out += std::string("%") + hex[byte >> 4] + hex[byte & 15];
    }
    return out;
}

// "/etc/subuid:3" is a place in a file; "pid 812" is not.
Value location(const policy::Evidence& e) {
    Table out;
    if (!e.source.starts_with('/')) {
        Table logical;
        logical.set("fullyQualifiedName", e.source);
        out.set("logicalLocations", Array{std::move(logical)});
        return out;
    }
    const auto colon = e.source.rfind(':');
    const auto line =
        colon == std::string::npos ? std::nullopt : parse_u64(std::string_view(e.source).substr(colon + 1));
    const std::string_view path = std::string_view(e.source).substr(0, line ? colon : std::string::npos);
    Table artifact;
    artifact.set("uri", uri_path(path.substr(path.find_first_not_of('/') == std::string_view::npos
                                                 ? path.size()
                                                 : path.find_first_not_of('/'))));
    artifact.set("uriBaseId", "ROOT");
    Table physical;
    physical.set("artifactLocation", std::move(artifact));
    if (line && *line > 0 && *line <= INT32_MAX) {
        Table region;
        region.set("startLine", static_cast<std::int64_t>(*line));
        physical.set("region", std::move(region));
    }
    out.set("physicalLocation", std::move(physical));
    return out;
}

std::string message_of(const Finding& f) {
    std::string out = f.subject.empty() ? f.message : f.subject + ": " + f.message;
    for (const auto& e : f.evidence)
        out +=
            "\n" + e.source + ": found " + e.found + (e.expected.empty() ? "" : ", expected " + e.expected);
    if (f.fix)
        out += "\nFix (" + std::string(policy::name_of(f.fix->cls)) + "): " + f.fix->summary;
    return out;
}

Value rule_json(const policy::ControlInfo& c) {
    Table configuration;
    configuration.set("level", level_of(c.severity));
    Table properties;
    properties.set("severity", policy::name_of(c.severity));
    properties.set("code", c.code);
    Table out;
    out.set("id", c.id);
    out.set("shortDescription", text_object(c.title));
    out.set("fullDescription", text_object(c.why));
    out.set("help", text_object(c.fix));
    out.set("defaultConfiguration", std::move(configuration));
    out.set("properties", std::move(properties));
    return out;
}

Table result_json(const Finding& f) {
    const std::string_view kind = kind_of(f.status);
    Table out;
    out.set("ruleId", f.control);
    out.set("kind", kind);
    out.set("level", kind == "fail" ? level_of(f.severity) : "none");
    out.set("message", text_object(message_of(f)));
    Array locations;
    for (const auto& e : f.evidence)
        locations.push_back(location(e));
    out.set("locations", std::move(locations));
    Table prints;
    prints.set("plimsollFinding/v1", sha256(f.control + '\0' + f.subject + '\0' + f.message));
    out.set("partialFingerprints", std::move(prints));
    if (f.status == Status::excepted) {
        Table suppression;
        suppression.set("kind", "external");
        suppression.set("justification", f.exception);
        out.set("suppressions", Array{std::move(suppression)});
    }
    Table properties;
    properties.set("status", policy::name_of(f.status));
    properties.set("mode", policy::name_of(f.mode));
    out.set("properties", std::move(properties));
    return out;
}

Value driver_json(const policy::Catalogue& catalogue, std::string_view version) {
    Array rules;
    for (const auto* c : catalogue.controls)
        rules.push_back(rule_json(*c));
    Table out;
    out.set("name", "plimsoll");
    out.set("semanticVersion", version);
    out.set("rules", std::move(rules));
    return out;
}

Value results_json(const Report& report, const policy::Catalogue& catalogue) {
    Array out;
    for (const auto& f : report.assessment.findings) {
        const auto& rules = catalogue.controls;
        const auto rule = std::ranges::find(rules, std::string_view(f.control), &policy::ControlInfo::id);
        Table result = result_json(f);
        if (rule != rules.end())
            result.set("ruleIndex", static_cast<std::int64_t>(rule - rules.begin()));
        out.emplace_back(std::move(result));
    }
    return out;
}

}  // namespace

Value sarif(const Report& report, const policy::Catalogue& catalogue, std::string_view version) {
    Table tool;
    tool.set("driver", driver_json(catalogue, version));
    Table base;
    const std::string root = uri_path(report.host.root);
    base.set("uri", "file://" + root + (root.ends_with('/') ? "" : "/"));
    Table bases;
    if (root.starts_with('/'))  // a base must be absolute; otherwise the reader resolves ROOT itself
        bases.set("ROOT", std::move(base));
    Table run;
    run.set("tool", std::move(tool));
    run.set("originalUriBaseIds", std::move(bases));
    run.set("columnKind", "unicodeCodePoints");
    run.set("results", results_json(report, catalogue));
    Table out;
    out.set("$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    out.set("version", "2.1.0");
    out.set("runs", Array{std::move(run)});
    return out;
}

}  // namespace plimsoll::agentctl::render
