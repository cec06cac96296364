// SPDX-License-Identifier: Apache-2.0
// What the daemon remembers over a restart: the verdicts as they stand, their history, contested keys and the
// exceptions in force, in STATE_DIR/plimsoll.db (docs/daemon.md has the tables). Nothing in it is needed to
// judge or to undo: a damaged database is set aside and everything but the history comes back by looking.
#pragma once
#include "core/host/sysroot.hpp"
#include "daemon/board.hpp"
#include "daemon/store/sqlite.hpp"

#include <memory>
#include <string>
#include <vector>

namespace plimsoll::daemon {

struct StoreLimits {
    std::uint64_t transitions{100'000};
    std::chrono::hours age{std::chrono::hours(24) * 90};  // of transitions
    std::chrono::seconds retry{10};                       // after it could not be opened
};

// What one evaluation changed; written in one transaction.
struct StoreBatch {
    bool everything{false};  // `put` is all there is
    std::vector<std::pair<Key, Standing>> put{};
    std::vector<Key> drop{};
    std::vector<Transition> transitions{};  // with ids, ascending
    std::uint64_t cursor{0};
    Line line{Line::unobserved};
    Time line_since{};
    std::optional<std::vector<policy::Contest>> contests{};      // nullopt: as before
    std::optional<std::vector<policy::Exception>> exceptions{};  // nullopt: as before
};

struct Remembered {
    std::map<Key, Standing> keys{};
    std::uint64_t last_transition{0};
    std::uint64_t cursor{0};
    std::optional<Line> line{};
    Time line_since{};
    std::vector<policy::Contest> contests{};
};

class Store {
  public:
    static constexpr const char* file_name = "plimsoll.db";
    static constexpr std::size_t most_set_aside{3};  // damaged copies that are kept

    // `state_dir` is a path within the root; made (0700) when missing. A file that is damaged, is no database
    // or is of a later version is set aside first, and set_aside() tells. `limits` hold from now on.
    [[nodiscard]] static Result<Store> open(const host::Sysroot& root, const std::string& state_dir,
                                            const StoreLimits& limits, Time now);
    // Moves the database out of the way as plimsoll.db.corrupt-TIME, for one that turned out to be damaged.
    [[nodiscard]] static Result<void> set_aside(const host::Sysroot& root, const std::string& state_dir,
                                                Time now);

    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    Store(Store&&) noexcept;
    Store& operator=(Store&&) noexcept;
    ~Store();

    // One sentence; empty: nothing was set aside.
    [[nodiscard]] const std::string& set_aside() const;

    // Code::integrity as for all below: the database is damaged; set it aside and open it anew.
    [[nodiscard]] Result<Remembered> load();
    [[nodiscard]] Result<void> save(const StoreBatch& batch);
    // Oldest first.
    [[nodiscard]] Result<std::vector<Transition>> history(const HistoryQuery& query);
    // How many were healed since then.
    [[nodiscard]] Result<std::uint64_t> healed_since(Time since);
    // Drops what is older than the limit.
    [[nodiscard]] Result<void> forget_old(Time now);

  private:
    struct State;
    explicit Store(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace plimsoll::daemon
