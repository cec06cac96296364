// SPDX-License-Identifier: Apache-2.0
// A scratch root directory for tests, removed at the end.
#pragma once
#include "core/host/host.hpp"

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace plimsoll::tests {

class Tree {
  public:
    // Files by path below the root; parents are made.
    Tree(std::initializer_list<std::pair<std::string_view, std::string_view>> files = {});
    ~Tree();
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    [[nodiscard]] std::filesystem::path path(std::string_view below = "") const;
    void write(std::string_view file, std::string_view content, mode_t mode = 0644) const;
    void link(std::string_view file, std::string_view target) const;  // symlink
    void fifo(std::string_view file) const;
    void directory(std::string_view dir, mode_t mode = 0755) const;
    void remove(std::string_view file) const;
    [[nodiscard]] std::string read(std::string_view file) const;

    [[nodiscard]] host::Host host() const;       // as an image: files only
    [[nodiscard]] host::Host live_host() const;  // as if running: its /proc, /sys and /run count

    // Every path with type, mode, owner, size, link target, xattrs and content digest, one line each, sorted.
    // Two equal snapshots: nothing that undo has to restore differs. `except`: a prefix to leave out.
    [[nodiscard]] std::string snapshot(std::string_view except = "/var/lib/plimsoll") const;

  private:
    std::filesystem::path dir_;
};

}  // namespace plimsoll::tests
