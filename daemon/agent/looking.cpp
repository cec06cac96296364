// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/looking.hpp"

#include "core/base/time.hpp"

#include <algorithm>

namespace plimsoll::daemon {

void Looking::look(Groups groups, const policy::Policy& policy) {
    host_.forget();
    const host::Sysroot::Remembering missing(host_.root());
    for (std::size_t g = 0; g < modules_.size(); ++g) {
        if ((groups >> g & 1) == 0)
            continue;
        const policy::Module& module = *modules_[g];
        if (policy::is_wanted(module, policy, {})) {
            watched(g, [&] {
                raw_[g] = module.assess(host_, policy.params, policy.provision, wall_clock(),
                                        policy::every_control);
            });
        } else {
            raw_[g].reset();
            if (watcher_ != nullptr)
                (void)watcher_->watch(g, {});
        }
    }
    host_.forget();
}

policy::Assessment Looking::conclude(const policy::Policy& policy, const policy::EngineFacts& facts) const {
    return policy::conclude(modules_, raw_, policy, {}, wall_clock(), facts);
}

Groups Looking::group_of(std::string_view control) const {
    for (std::size_t g = 0; g < modules_.size(); ++g)
        if (std::ranges::find(modules_[g]->controls(), control, &policy::ControlInfo::id) !=
            modules_[g]->controls().end())
            return Groups{1} << g;
    return 0;
}

Groups Looking::enforced(const policy::Policy& policy) const {
    Groups out = 0;
    for (std::size_t g = 0; g < modules_.size(); ++g)
        if (std::ranges::any_of(modules_[g]->controls(), [&](const policy::ControlInfo& c) {
                const auto found = policy.controls.find(c.id);
                return found != policy.controls.end() && found->second.mode == policy::Mode::enforce;
            }))
            out |= Groups{1} << g;
    return out;
}

Groups Looking::groups_of(const std::vector<std::string>& globs) const {
    const policy::Selection selection{globs};
    Groups out = 0;
    for (std::size_t g = 0; g < modules_.size(); ++g)
        if (std::ranges::any_of(modules_[g]->controls(),
                                [&](const policy::ControlInfo& c) { return selection.covers(c.id); }))
            out |= Groups{1} << g;
    return out;
}

}  // namespace plimsoll::daemon
