// SPDX-License-Identifier: Apache-2.0
// Provisioning: the accounts, ranges and settings that the policy's [provision] part states, judged and made
// like everything else. It creates what is not there yet; it never takes over what somebody else made.
#pragma once
#include "core/host/host.hpp"
#include "core/policy/module.hpp"
#include "modules/provision/facts.hpp"

namespace plimsoll::modules::provision {

struct Params {};  // everything is in policy::Provision

struct Provision {
    static constexpr std::string_view name = "provision";
    using Params = provision::Params;
    using Facts = provision::Facts;

    [[nodiscard]] static std::span<const policy::ControlInfo> controls();
    [[nodiscard]] static const std::vector<policy::Param<Params>>& params();
    [[nodiscard]] static Facts observe(const host::Host& host, const Params& params,
                                       const policy::Provision& wanted);
    [[nodiscard]] static std::vector<policy::Finding> evaluate(const Params& params,
                                                               const policy::Provision& wanted,
                                                               const Facts& facts, Time now);
};

}  // namespace plimsoll::modules::provision
