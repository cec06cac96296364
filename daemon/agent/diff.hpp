// SPDX-License-Identifier: Apache-2.0
// Compares what is found now with what was known: the changes of verdicts. Pure.
#pragma once
#include "daemon/board.hpp"

#include <string>
#include <vector>

namespace plimsoll::daemon {

// Why the host was looked at.
struct Occasion {
    enum class Why {
        start,
        event,
        full_pass,
        policy,      // another one is in force
        fix,         // of ours, which worked
        failed_fix,  // of ours
        asked,       // by a person: a full pass
        expiry,      // of an exception
        contest,     // enforcement was stopped or taken up again
    };
    Why why{Why::asked};
    std::string cause{};             // as Transition::cause tells it
    Instant at{};                    // when what made us look happened, as far as we know
    Key healed{};                    // with `fix`: what it was for
    std::uint64_t journal_entry{0};  // with `fix`: of its changes
};

struct Difference {
    Board after{};
    std::vector<Transition> transitions{};  // without ids, in catalogue order; keys that are gone come last
    std::vector<Key> changed{};             // that have the new cursor
    std::vector<Key> gone{};
};

// Keys whose findings are not what they were get `cursor`; `before.findings` may be missing (after a restart
// only the keys are known). A key that appears or goes while nothing is or was wrong with it changes the
// board and is no transition: subjects come and go with every container. With `fix`, what stops failing was
// our doing: healed, where it is what the fix was for, else mended by the way.
[[nodiscard]] Difference compare(const Board& before, std::vector<policy::Finding> now,
                                 const policy::Policy& policy, const Occasion& occasion,
                                 std::uint64_t cursor);

// To failing, and not because we began to look or the rule changed: the host moved.
[[nodiscard]] bool is_drift(const Transition& transition, Occasion::Why why);

// From failing to anything that is not out of line, or to not being there at all.
[[nodiscard]] bool is_mended(const Transition& transition);

}  // namespace plimsoll::daemon
