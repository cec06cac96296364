// SPDX-License-Identifier: Apache-2.0
// Carries out the fix of one finding and proves that it worked. Used by whoever applies: agentctl and the
// daemon.
#pragma once
#include "core/host/executor.hpp"
#include "core/policy/engine.hpp"

#include <functional>
#include <optional>
#include <set>

namespace plimsoll::host {

// Failing, with changes that a program may carry out.
[[nodiscard]] bool has_automatic_fix(const policy::Finding& finding);

// "subuid.root-delegated (mallory)".
[[nodiscard]] std::string title_of(const policy::Finding& finding);

// Assesses a control again, on the host as it is now.
using LookAgain = std::function<policy::Assessment(const std::string& control)>;

// Carries out the changes of `finding.fix`, looks again and compares with `before`. Gives a line for each
// change. Code::busy: the host changed meanwhile, nothing more of the fix was done; observe it again and plan
// anew. Any other error: a change failed (what was done before it stays, journalled), or the finding still
// fails or cannot be observed any more (Code::integrity).
[[nodiscard]] Result<std::vector<std::string>> carry_out_fix(const policy::Finding& finding,
                                                             const policy::Assessment& before,
                                                             Executor& executor, const LookAgain& look_again);

// Many fixes, one at a time. Each is tried once, so two controls that undo each other cannot go on for ever.
class FixRun {
  public:
    explicit FixRun(std::function<bool(const policy::Finding&)> permitted)
        : permitted_(std::move(permitted)) {}

    // Of the findings that are permitted and have an automatic fix which was not tried: the first in
    // catalogue order (null: none is left), and how many there are.
    [[nodiscard]] const policy::Finding* next(const policy::Assessment& assessment) const;
    [[nodiscard]] std::size_t left(const policy::Assessment& assessment) const;

    // As carry_out_fix(). nullopt: the host changed meanwhile, so observe it again and ask for the next; that
    // is an error after a few times.
    [[nodiscard]] Result<std::optional<std::vector<std::string>>> carry_out(const policy::Finding& finding,
                                                                            const policy::Assessment& before,
                                                                            Executor& executor,
                                                                            const LookAgain& look_again);

  private:
    // What makes a fix the same one when the host is looked at again: line numbers in evidence may move.
    using Key = std::pair<std::string, std::string>;

    static Key key_of(const policy::Finding& finding);
    [[nodiscard]] bool is_left(const policy::Finding& finding) const;

    std::function<bool(const policy::Finding&)> permitted_;
    std::set<Key> tried_{};
    int replans_{0};
};

}  // namespace plimsoll::host
