// SPDX-License-Identifier: Apache-2.0
#include "modules/all.hpp"

#include "modules/containers/containers.hpp"
#include "modules/provision/provision.hpp"
#include "modules/rootless/engine_config.hpp"
#include "modules/rootless/engines.hpp"
#include "modules/rootless/environment.hpp"
#include "modules/subuid/subuid.hpp"

namespace plimsoll::modules {

policy::Modules all() {
    policy::Modules out;
    out.push_back(policy::make_module<provision::Provision>());  // accounts come before what they need
    out.push_back(policy::make_module<subuid::Subuid>());
    out.push_back(policy::make_module<rootless::Engines>());
    out.push_back(policy::make_module<rootless::Environment>());
    out.push_back(policy::make_module<rootless::EngineConfig>());
    out.push_back(policy::make_module<containers::Containers>());
    return out;
}

}  // namespace plimsoll::modules
