// SPDX-License-Identifier: Apache-2.0
// A watched root and what was said about it.
#pragma once
#include "daemon/watch/watcher.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::tests {

inline host::Footprint of(std::initializer_list<std::string_view> paths,
                          std::initializer_list<std::string_view> listed = {}) {
    host::Footprint out;
    for (const auto path : paths)
        out.add(path);
    for (const auto path : listed) {
        out.add(path);
        out.add_listing(path);
    }
    return out;
}

class Watched {
  public:
    explicit Watched(const std::string& directory) : root_(*host::Sysroot::open(directory)) {
        auto made =
            daemon::Watcher::make(loop_, root_, [this](const daemon::Event& e) { events_.push_back(e); });
        if (made)
            watcher_.emplace(*std::move(made));
        else
            ADD_FAILURE() << made.error().message;
    }

    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    [[nodiscard]] daemon::Watcher& watcher() { return *watcher_; }

    [[nodiscard]] const host::Sysroot& root() const { return root_; }

    [[nodiscard]] const bus::EventLoop& loop() const { return loop_; }

    // Something was new, and then nothing more.
    void watch(std::size_t group, const host::Footprint& footprint) {
        EXPECT_TRUE(watcher_->watch(group, footprint));
        EXPECT_FALSE(watcher_->watch(group, footprint));
        EXPECT_THAT(watcher_->degraded(), ::testing::IsEmpty());
    }

    // What is said until nothing happened for 60 ms.
    std::vector<daemon::Event> settle() {
        for (;;) {
            const auto turned = loop_.turn(std::chrono::milliseconds{60});
            EXPECT_TRUE(turned);
            if (!turned || !*turned)
                return std::exchange(events_, {});
        }
    }

    // Groups that have to look again.
    daemon::Groups woken() {
        daemon::Groups out = 0;
        for (const auto& e : settle())
            out |= e.groups;
        return out;
    }

    // The one thing that is said: "event /etc/subuid", with " (lost)" behind where it is; "" for nothing.
    std::string said() {
        std::string out;
        for (const auto& e : settle())
            if (out.empty() || out != e.cause + (e.lost ? " (lost)" : ""))
                out += (out.empty() ? "" : " and ") + e.cause + (e.lost ? " (lost)" : "");
        return out;
    }

  private:
    host::Sysroot root_;
    bus::EventLoop loop_ = *bus::EventLoop::make();
    std::vector<daemon::Event> events_{};
    std::optional<daemon::Watcher> watcher_{};
};

}  // namespace plimsoll::tests
