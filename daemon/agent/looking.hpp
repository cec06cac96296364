// SPDX-License-Identifier: Apache-2.0
// Looks at the host, module by module, and has watched what was looked at.
#pragma once
#include "core/host/host.hpp"
#include "core/policy/engine.hpp"
#include "daemon/watch/watcher.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::daemon {

class Looking {
  public:
    // All must outlive it. A module is the group of its place in `modules`.
    Looking(const host::Host& host, const policy::Modules& modules)
        : host_(host), modules_(modules), raw_(modules.size()) {}

    void use(Watcher* watcher) { watcher_ = watcher; }

    // Modules of which the policy wants nothing are forgotten, and so is what they depended on.
    void look(Groups groups, const policy::Policy& policy);

    [[nodiscard]] policy::Assessment conclude(const policy::Policy& policy,
                                              const policy::EngineFacts& facts) const;

    [[nodiscard]] Groups all() const { return (Groups{1} << modules_.size()) - 1; }

    // The module that has the control; 0 for the engine's own.
    [[nodiscard]] Groups group_of(std::string_view control) const;

    // The modules of which the policy enforces something.
    [[nodiscard]] Groups enforced(const policy::Policy& policy) const;

    // All modules that have one of the selected controls; no globs: all.
    [[nodiscard]] Groups groups_of(const std::vector<std::string>& globs) const;

    // Calls `read` with everything recorded that it looks up, again while that was not watched yet.
    template <class Read>
    void watched(std::size_t group, const Read& read) {
        for (;; host_.forget()) {
            host::Footprint footprint;
            host_.root().record(&footprint);
            read();
            host_.root().record(nullptr);
            if (watcher_ == nullptr || !watcher_->watch(group, footprint))
                return;
        }
    }

  private:
    const host::Host& host_;
    const policy::Modules& modules_;
    Watcher* watcher_{nullptr};
    policy::RawFindings raw_;
};

}  // namespace plimsoll::daemon
