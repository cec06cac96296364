// SPDX-License-Identifier: Apache-2.0
// Keys that somebody keeps changing back: three reverts within ten minutes stop the enforcement of a key. A
// revert is a key that fails again after we healed it. Pure.
#pragma once
#include "daemon/board.hpp"

#include <deque>
#include <map>
#include <string>
#include <vector>

namespace plimsoll::daemon {

class Contests {
  public:
    static constexpr std::size_t most_reverts{3};
    static constexpr std::chrono::minutes window{10};
    // Keys whose heals are remembered; the one healed longest ago is forgotten first.
    static constexpr std::size_t most_keys{1024};

    void healed(const Key& key, Instant at);
    // True: with this the key has become contested.
    [[nodiscard]] bool failed(const Key& key, Instant at);

    // Who changed it back, of a contested key.
    void name_writer(const Key& key, std::string writer);

    [[nodiscard]] bool holds(const Key& key) const;
    [[nodiscard]] std::vector<policy::Contest> list() const;  // by control, then subject

    // Of an earlier run.
    void restore(const std::vector<policy::Contest>& contests);
    // Enforcement is taken up again, with a clean slate. False: nothing was contested.
    bool end_all();
    bool end(const Key& key);

  private:
    struct Tally {
        bool armed{false};  // healed, and not failed since
        Instant healed{};
        std::deque<Instant> reverts{};
    };

    void make_room();

    std::map<Key, Tally> tallies_;
    std::map<Key, policy::Contest> contested_;
};

}  // namespace plimsoll::daemon
