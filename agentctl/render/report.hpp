// SPDX-License-Identifier: Apache-2.0
// The result of a check as text: for a person, for a program, for a code scanning view, for a test dashboard.
// Pure.
#pragma once
#include "agentctl/render/text.hpp"
#include "core/base/value.hpp"
#include "core/policy/engine.hpp"

#include <optional>
#include <string>

namespace plimsoll::agentctl::render {

struct HostInfo {
    std::string root;  // as given with --root
    bool live{false};
    std::string os_id;  // os-release(5); empty when it does not tell
    std::string os_version;
    std::string os_name;
    std::optional<std::string> kernel{};    // only of the running host
    std::optional<std::string> hostname{};  // nullopt: not known
};

struct Report {
    HostInfo host;
    std::string profile;
    std::string digest;  // of the policy
    policy::Assessment assessment;
};

// "plimsoll.check/1"; its schema is docs/check-schema.json.
[[nodiscard]] Value check_json(const Report& report);

// Failures first, by falling severity; then what could not be observed, then exceptions; the others are
// counted, or listed when the style is verbose. Ends with the counts and the next command to type.
[[nodiscard]] std::string check_table(const Report& report, const Style& style);

// SARIF 2.1.0 (OASIS). Every finding is a result; only failures have a level. Sources that are files are
// given relative to the root.
[[nodiscard]] Value sarif(const Report& report, const policy::Catalogue& catalogue, std::string_view version);

// JUnit XML as test dashboards read it: a suite per concern, a case per finding.
[[nodiscard]] std::string junit(const Report& report);

// Parts that other documents have too.
[[nodiscard]] Value host_json(const HostInfo& host);
[[nodiscard]] Value evidence_json(const std::vector<policy::Evidence>& evidence);
[[nodiscard]] Value nullable(const std::optional<std::string>& text);
[[nodiscard]] Value string_array(const std::vector<std::string_view>& texts);

}  // namespace plimsoll::agentctl::render
