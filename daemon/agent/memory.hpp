// SPDX-License-Identifier: Apache-2.0
// What the daemon remembers: the store while there is one, and itself alone while there is none.
#pragma once
#include "daemon/store/store.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::daemon {

class Memory {
  public:
    // Transitions that wait for the store; beyond that the oldest are lost.
    static constexpr std::size_t most_waiting{10'000};

    // `whole` gives a batch with everything that is known now, without transitions: it is written after
    // something went wrong. `late` is told of the last run when the store can be read only after begin().
    // `root` must outlive it.
    Memory(const host::Sysroot& root, std::string state_dir, StoreLimits limits,
           std::function<StoreBatch()> whole, std::function<void(const Remembered&)> late)
        : root_(root),
          state_dir_(std::move(state_dir)),
          limits_(limits),
          whole_(std::move(whole)),
          late_(std::move(late)) {}

    // Of the last run; when there is no store or it was damaged, only an id of a transition that is greater
    // than every one that may have been given out (the time in microseconds).
    [[nodiscard]] Remembered begin();

    // `batch.transitions` have ids already. Never fails: see problem().
    void save(StoreBatch batch);

    // Whether something waits to be written, so that save() is worth a call without news.
    [[nodiscard]] bool owes() const { return owes_; }

    [[nodiscard]] Result<std::vector<Transition>> history(const HistoryQuery& query);
    [[nodiscard]] std::uint64_t healed_since(Time since);
    void forget_old();

    // Why nothing is kept at the moment; "" when it is.
    [[nodiscard]] const std::string& problem() const { return problem_; }

    // That a damaged database was set aside, since the start; "" otherwise. And how often.
    [[nodiscard]] const std::string& loss() const { return loss_; }

    [[nodiscard]] std::uint64_t losses() const { return losses_; }

    // Transitions beyond those that may wait.
    [[nodiscard]] std::uint64_t lost_transitions() const { return lost_transitions_; }

  private:
    [[nodiscard]] Result<void> open();
    [[nodiscard]] Result<void> write(StoreBatch& batch);
    void went_wrong(const Error& error);
    void keep_waiting(std::vector<Transition> transitions);

    const host::Sysroot& root_;
    std::string state_dir_;
    StoreLimits limits_;
    std::function<StoreBatch()> whole_;
    std::function<void(const Remembered&)> late_;
    bool seen_{false};  // what the last run left
    std::optional<Store> store_{};
    std::deque<Transition> waiting_{};
    bool owes_{false};
    std::string problem_{};
    std::string loss_{};
    std::uint64_t losses_{0};
    std::uint64_t lost_transitions_{0};
    std::chrono::steady_clock::time_point tried_{};
};

}  // namespace plimsoll::daemon
