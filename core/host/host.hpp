// SPDX-License-Identifier: Apache-2.0
// A host as modules see it: one root directory and, when it is the running one, what the kernel tells of it.
#pragma once
#include "core/host/accounts.hpp"
#include "core/host/ledger_file.hpp"
#include "core/host/processes.hpp"
#include "core/host/sysroot.hpp"
#include "core/host/unit_files.hpp"

#include <map>
#include <optional>
#include <string>

namespace plimsoll::host {

class Host {
  public:
    // "/" is the running host; any other directory is an image or fixture, of which only files can be judged.
    [[nodiscard]] static Result<Host> open(const std::string& dir);
    // For tests: a directory whose /proc, /sys and /run stand for a running host's.
    [[nodiscard]] static Result<Host> open_as_live(const std::string& dir);

    [[nodiscard]] const Sysroot& root() const { return root_; }

    // Our own state directory, a path within the root.
    [[nodiscard]] const std::string& state_dir() const { return state_dir_; }

    void use_state_dir(std::string dir) { state_dir_ = std::move(dir); }

    // Whether /proc, /sys, /run and the service manager belong to this root.
    [[nodiscard]] bool live() const { return live_; }

    // Read once and kept until forget() is called. Whoever asks while Sysroot::record() is on is recorded as
    // depending on all that was looked at for the answer, whoever asked first.
    [[nodiscard]] const Result<Accounts>& accounts() const;
    // Code::unsupported when not live.
    [[nodiscard]] const Result<std::vector<Process>>& processes() const;

    // Whether they have been read.
    [[nodiscard]] bool has_processes() const { return processes_.value.has_value(); }

    [[nodiscard]] const Result<UnitFiles>& units() const;
    // UnitFiles::read() of these.
    [[nodiscard]] const Result<std::optional<UnitFile>>& unit(const std::string& name) const;
    // Of an installed package; nullopt: not installed. As installed_versions().
    [[nodiscard]] const Result<std::optional<std::string>>& package_version(const std::string& package) const;
    void forget() const;

    // Reads the file whenever it is asked, and parses only what is new in it.
    [[nodiscard]] LedgerFile& ledger() const { return ledger_; }

    // os-release(5) as key -> unquoted value; empty when there is none.
    [[nodiscard]] std::map<std::string, std::string> os_release() const;

  private:
    Host(Sysroot root, bool live) : root_(std::move(root)), live_(live) {}

    template <class T>
    struct Kept {
        std::optional<Result<T>> value{};
        std::optional<Footprint> footprint{};  // nullopt: nobody recorded when it was read
    };

    template <class T, class Read>
    const Result<T>& keep(Kept<T>& kept, Read read) const;

    Sysroot root_;
    bool live_;
    std::string state_dir_{"/var/lib/plimsoll"};
    mutable LedgerFile ledger_;
    mutable Kept<Accounts> accounts_;
    mutable Kept<std::vector<Process>> processes_;
    mutable Kept<UnitFiles> units_;
    mutable std::map<std::string, Kept<std::optional<UnitFile>>> unit_;
    mutable std::map<std::string, Kept<std::optional<std::string>>> package_versions_;
};

}  // namespace plimsoll::host
