// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/watcher.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <optional>

namespace plimsoll::daemon {
namespace {

using std::chrono::milliseconds;

// A watched tree and what was said about it.
class WatcherTest : public ::testing::Test {
  protected:
    static host::Footprint of(std::initializer_list<std::string_view> paths,
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

    void make() {
        auto made = Watcher::make(loop_, root_, [this](const Event& e) { events_.push_back(e); });
        ASSERT_TRUE(made) << made.error().message;
        watcher_.emplace(*std::move(made));
    }

    // Watches it as group `group`, and nothing is left to look at again.
    void watch(std::size_t group, const host::Footprint& footprint) {
        if (!watcher_)
            make();
        EXPECT_TRUE(watcher_->watch(group, footprint));
        EXPECT_FALSE(watcher_->watch(group, footprint));
        EXPECT_THAT(watcher_->degraded(), ::testing::IsEmpty());
    }

    // What is said until nothing more happens for a while.
    std::vector<Event> settle() {
        events_.clear();
        for (;;) {
            const auto turned = loop_.turn(milliseconds{60});
            EXPECT_TRUE(turned);
            if (!turned || !*turned)
                return std::exchange(events_, {});
        }
    }

    // Groups that have to look again.
    Groups woken() {
        Groups out = 0;
        for (const auto& e : settle())
            out |= e.groups;
        return out;
    }

    tests::Tree tree_;
    host::Sysroot root_ = *host::Sysroot::open(tree_.path().string());
    bus::EventLoop loop_ = *bus::EventLoop::make();
    std::optional<Watcher> watcher_;
    std::vector<Event> events_;
};

TEST_F(WatcherTest, TellsOfAFileWrittenInPlace) {
    tree_.write("/etc/subuid", "u:100000:65536\n");
    tree_.write("/etc/passwd", "");
    watch(3, of({"/etc/subuid"}));
    watch(0, of({"/etc/passwd"}));
    EXPECT_EQ(woken(), 0U);
    tree_.write("/etc/subuid", "u:0:65536\n");
    const auto events = settle();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].groups, 8U);
    EXPECT_EQ(events[0].cause, "event /etc/subuid");
    EXPECT_FALSE(events[0].lost);
}

}  // namespace
}  // namespace plimsoll::daemon
