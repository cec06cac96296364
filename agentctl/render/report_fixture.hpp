// SPDX-License-Identifier: Apache-2.0
// Findings written by hand, for the tests of the renderers.
#pragma once
#include "agentctl/render/report.hpp"

namespace plimsoll::agentctl::render {

inline policy::Finding failing() {
    return {"subuid.root-delegated",
            "mallory",
            policy::Status::fail,
            policy::Severity::critical,
            policy::Mode::enforce,
            "mallory may map host root into a user namespace",
            {{"/etc/subuid:3", "mallory:0:1", "no range that contains id 0"}},
            policy::Fix{policy::FixClass::live,
                        "remove the line",
                        {policy::EditLines{.path = "/etc/subuid", .remove = {"mallory:0:1"}}}}};
}

inline policy::Finding by_hand() {
    return {"rootless.socket",
            "/run/docker.sock",
            policy::Status::fail,
            policy::Severity::medium,
            policy::Mode::audit,
            "the socket is open to a group",
            {{"pid 812", "dockerd", ""}},
            policy::Fix{policy::FixClass::never_automatic, "move its users to rootless engines", {}}};
}

inline policy::Finding simple(std::string control, policy::Status status, std::string subject,
                              std::string message) {
    policy::Finding f;
    f.control = std::move(control);
    f.subject = std::move(subject);
    f.status = status;
    f.message = std::move(message);
    return f;
}

inline Report sample_report() {
    Report out;
    out.host = {"/srv/image", false, "debian", "12", "Debian GNU/Linux 12 (bookworm)", std::nullopt, "ship"};
    out.profile = "audit-only";
    out.digest = "d1";
    auto excepted = simple("subuid.min-size", policy::Status::excepted, "bob", "bob has 1000 ids");
    excepted.exception = "ops: being moved, until 2027-01-01T00:00:00Z";
    out.assessment.findings = {
        by_hand(),
        failing(),
        simple("subuid.overlap", policy::Status::pass, "host", "no ranges overlap"),
        simple("rootless.linger", policy::Status::unknown, "alice",
               "read /var/lib/systemd/linger: Input/output error"),
        simple("rootless.kernel", policy::Status::not_applicable, "host", "not a running host"),
        excepted};
    return out;
}

inline const policy::ControlInfo sample_controls[] = {
    {"subuid.root-delegated",
     "A01",
     "Nobody is handed host root",
     "newuidmap would map it.",
     policy::Severity::critical,
     policy::FixClass::live,
     "remove the line",
     {"subuid(5)", "newuidmap(1)"}},
    {"subuid.min-size",
     "A02",
     "Ranges are large | enough",
     "Images need 65536 ids.",
     policy::Severity::medium,
     policy::FixClass::never_automatic,
     "give more ids",
     {}},
    {"rootless.socket",
     "B01",
     "No rootful socket",
     "It is root.",
     policy::Severity::medium,
     policy::FixClass::never_automatic,
     "move its users",
     {}},
};

inline policy::Catalogue sample_catalogue() {
    policy::Catalogue out;
    for (const auto& c : sample_controls)
        out.controls.push_back(&c);
    policy::ParamSpec p;
    p.control = "subuid.min-size";
    p.key = "min";
    p.type = policy::ParamType::integer;
    p.fallback = Value(65536);
    p.min = 1;
    p.max = 4294967295;
    p.doc = "The least number of ids a user needs.";
    out.params.push_back(p);
    return out;
}

}  // namespace plimsoll::agentctl::render
