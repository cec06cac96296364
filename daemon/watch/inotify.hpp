// SPDX-License-Identifier: Apache-2.0
// One inotify(7) instance.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::daemon {

struct InotifyEvent {
    int watch{-1};            // -1 with IN_Q_OVERFLOW
    std::uint32_t mask{0};    // IN_…
    std::string_view name{};  // in the watched directory; empty: the watched inode itself
};

using OnInotify = std::function<void(const InotifyEvent&)>;

// What one read(2) brought. Stops at what is not whole: false.
bool parse_inotify(std::string_view bytes, const OnInotify& call);

class Inotify {
  public:
    [[nodiscard]] static Result<Inotify> make();

    [[nodiscard]] int fd() const { return fd_.get(); }

    // Watches what `what` (O_PATH suffices) has open; /proc has to be there. The watch of an inode that is
    // watched already gets this mask instead, with IN_MASK_ADD in addition. sys_errno ENOSPC: no watch left.
    [[nodiscard]] Result<int> add(const Fd& what, std::uint32_t mask) const;
    void remove(int watch) const;

    // One read, which may bring many events or none.
    void read(const OnInotify& call);

  private:
    explicit Inotify(Fd fd) : fd_(std::move(fd)) {}

    static constexpr std::size_t buffer_size{std::size_t{32} << 10};

    Fd fd_;
    std::vector<char> buffer_ = std::vector<char>(buffer_size);
};

}  // namespace plimsoll::daemon
