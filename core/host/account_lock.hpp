// SPDX-License-Identifier: Apache-2.0
// Keeps every other editor of the account databases out while we edit them.
// See docs/decisions/0005-account-locks.md.
#pragma once
#include "core/host/host.hpp"
#include "core/host/place.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::host {

// passwd, group, shadow, gshadow, subuid and subgid below /etc, in the order in which shadow locks them.
[[nodiscard]] const std::vector<std::string>& account_databases();

class AccountLock {
  public:
    static constexpr std::chrono::milliseconds default_timeout{10'000};

    // Takes the lock that lckpwdf(3) and systemd take (an fcntl lock on /etc/.pwd.lock) and shadow's own
    // FILE.lock for each of `files`, and waits until no other database has a FILE.lock of a living process.
    // Locks of processes that are gone are removed. Code::busy after `timeout`, naming the holder. In an
    // image a .pwd.lock that was not there before is removed again.
    [[nodiscard]] static Result<AccountLock> take(const Host& host, std::vector<std::string> files,
                                                  std::chrono::milliseconds timeout = default_timeout);

    // Removes what a killed run of ours left beside the databases, and locks of processes that are gone.
    static void clean(const Host& host);

    AccountLock(AccountLock&& o) noexcept = default;
    AccountLock& operator=(AccountLock&&) noexcept = delete;
    AccountLock(const AccountLock&) = delete;
    AccountLock& operator=(const AccountLock&) = delete;
    ~AccountLock();

  private:
    explicit AccountLock(Fd global) : global_(std::move(global)) {}

    // One attempt. The lock that another program has; nullopt: all were taken.
    Result<std::optional<std::string>> attempt(const Sysroot& root, const std::vector<std::string>& files,
                                               bool& have_global);
    Result<std::optional<std::string>> take_files(const Sysroot& root, const std::vector<std::string>& files);

    Fd global_;
    std::optional<Place> created_;  // .pwd.lock, to be removed
    std::vector<Place> held_;       // FILE.lock
};

}  // namespace plimsoll::host
