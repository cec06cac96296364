// SPDX-License-Identifier: Apache-2.0
#include "modules/all.hpp"

namespace plimsoll::modules {

policy::Modules all() {
    policy::Modules out;
    return out;
}

}  // namespace plimsoll::modules
