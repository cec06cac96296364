// SPDX-License-Identifier: Apache-2.0
// The parts of the provisioning verdict: one pure function per control, and what they share.
#pragma once
#include "core/policy/finding.hpp"
#include "modules/provision/facts.hpp"

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

namespace plimsoll::modules::provision {

enum class Control { user, subid, engine_config, delegation, sysctl, linger };

[[nodiscard]] const policy::ControlInfo& info(Control c);

struct Context {
    const policy::Provision& wanted;
    const Facts& facts;
    Time now{};
    // Tenants that a file can name, each once, in the policy's order.
    std::vector<const policy::Tenant*> tenants{};
    // The accounts that exist, and those that a fix of provision.user would make; by name.
    std::map<std::string, host::User, std::less<>> accounts{};
};

// Also fills context.tenants and context.accounts, which the other controls need.
[[nodiscard]] std::vector<policy::Finding> judge_users(Context& context);
[[nodiscard]] std::vector<policy::Finding> judge_subids(const Context& context);
[[nodiscard]] std::vector<policy::Finding> judge_linger(const Context& context);
[[nodiscard]] std::vector<policy::Finding> judge_engine_config(const Context& context);
[[nodiscard]] std::vector<policy::Finding> judge_delegation(const Context& context);
[[nodiscard]] std::vector<policy::Finding> judge_sysctl(const Context& context);

// ---- findings ----
[[nodiscard]] policy::Finding pass(Control c, std::string subject, std::string message);
[[nodiscard]] policy::Finding unknown(Control c, std::string subject, const Error& why);
// Nothing we may do: `todo` tells a person what to do.
[[nodiscard]] policy::Finding refuse(Control c, std::string subject, std::string message, std::string todo,
                                     std::vector<policy::Evidence> evidence = {});
// Something a fix of the control's own class makes right.
[[nodiscard]] policy::Finding repair(Control c, std::string subject, std::string message, std::string summary,
                                     std::vector<policy::Change> changes,
                                     std::vector<policy::Evidence> evidence = {});

// A change of the whole file from what was observed to `content`.
[[nodiscard]] policy::WriteFile write_file(std::string path, std::string content,
                                           const std::optional<std::string>& observed);
// Why nothing is given to this tenant: its account is refused, is missing and will stay so, or is root.
// nullopt also for an account that only a directory service may know.
[[nodiscard]] std::optional<std::string> no_account(const Context& context, const policy::Tenant& tenant);
// The first error among files that must be readable for a verdict.
[[nodiscard]] const Error* first_error(std::initializer_list<const FileText*> files);

}  // namespace plimsoll::modules::provision
