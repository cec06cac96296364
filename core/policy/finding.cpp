// SPDX-License-Identifier: Apache-2.0
#include "core/policy/finding.hpp"

namespace plimsoll::policy {

Finding make_finding(const ControlInfo& control, Status status, std::string subject, std::string message,
                     std::vector<Evidence> evidence) {
    return {.control = std::string(control.id),
            .subject = std::move(subject),
            .status = status,
            .severity = control.severity,
            .mode = Mode::audit,
            .message = std::move(message),
            .evidence = std::move(evidence)};
}

}  // namespace plimsoll::policy
