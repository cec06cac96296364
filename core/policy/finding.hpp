// SPDX-License-Identifier: Apache-2.0
// Controls and what was found about them.
#pragma once
#include "core/base/value.hpp"
#include "core/policy/change.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::policy {

enum class Status { pass, fail, not_applicable, unknown, excepted };
enum class Severity { info, low, medium, high, critical };
enum class Mode { off, audit, enforce };

// What carrying out a fix costs. The order is the order of cost.
enum class FixClass {
    live,                // no restart, reversible
    service_restart,     // a service or engine restarts
    containers_stopped,  // the owner's running containers stop
    reboot,              // takes effect after a reboot
    never_automatic,  // needs a human: data or access could be lost, or the right answer is not ours to know
};

inline constexpr std::array<std::string_view, 5> status_names{"pass", "fail", "not-applicable", "unknown",
                                                              "excepted"};
inline constexpr std::array<std::string_view, 5> severity_names{"info", "low", "medium", "high", "critical"};
inline constexpr std::array<std::string_view, 3> mode_names{"off", "audit", "enforce"};
inline constexpr std::array<std::string_view, 5> fix_class_names{
    "live", "service-restart", "containers-stopped", "reboot", "never-automatic"};

[[nodiscard]] inline std::string_view name_of(Status s) {
    return status_names[static_cast<std::size_t>(s)];
}

[[nodiscard]] inline std::string_view name_of(Severity s) {
    return severity_names[static_cast<std::size_t>(s)];
}

[[nodiscard]] inline std::string_view name_of(Mode m) {
    return mode_names[static_cast<std::size_t>(m)];
}

[[nodiscard]] inline std::string_view name_of(FixClass c) {
    return fix_class_names[static_cast<std::size_t>(c)];
}

// One rule, described once: docs/controls.md, completions, `agentctl explain` and the schema come from here.
struct ControlInfo {
    std::string_view id;     // "subuid.root-delegated"; stable, never reused
    std::string_view code;   // "A01": its place in the catalogue
    std::string_view title;  // a few words, no full stop
    std::string_view why;    // what goes wrong when it fails, one to three sentences
    Severity severity{Severity::medium};
    FixClass fix_class{FixClass::never_automatic};
    std::string_view fix;                        // what the fix does, or what a person should do
    std::vector<std::string_view> references{};  // man pages, kernel documents, standards
};

struct Evidence {
    std::string source;  // "/etc/subuid:3", "pid 812", "/proc/sys/user/max_user_namespaces"
    std::string found;
    std::string expected;
    bool sensitive{false};  // not for every local user: from a file that its owner keeps to itself
    bool operator==(const Evidence&) const = default;
};

struct Fix {
    FixClass cls{FixClass::never_automatic};
    std::string summary;            // imperative: "remove the line"
    std::vector<Change> changes{};  // empty: nothing we may do by ourselves
    bool operator==(const Fix&) const = default;
};

// The verdict of one control on one subject.
struct Finding {
    std::string control;
    std::string subject;  // whom or what it is about: "alice,bob", "docker.service", "host"
    Status status{Status::unknown};
    Severity severity{Severity::medium};
    Mode mode{Mode::audit};  // set by the engine from the policy
    std::string message;     // one sentence, for unknown: why it could not be observed
    std::vector<Evidence> evidence{};
    std::optional<Fix> fix{};  // only with Status::fail
    std::string exception{};   // only with Status::excepted: owner, reason and expiry
    bool operator==(const Finding&) const = default;
};

// Starts a finding from its control's description; text of others goes through printable() before it gets
// here.
[[nodiscard]] Finding make_finding(const ControlInfo& control, Status status, std::string subject,
                                   std::string message, std::vector<Evidence> evidence = {});

}  // namespace plimsoll::policy
