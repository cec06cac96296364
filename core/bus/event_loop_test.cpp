// SPDX-License-Identifier: Apache-2.0
#include "core/bus/event_loop.hpp"

#include "core/base/fd.hpp"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <vector>

#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

namespace plimsoll::bus {
namespace {

using namespace std::chrono_literals;

EventLoop loop_or_die() {
    auto loop = EventLoop::make();
    EXPECT_TRUE(loop) << loop.error().message;
    return *std::move(loop);
}

TEST(EventLoop, CallsForADescriptorUntilTheSourceEnds) {
    const auto loop = loop_or_die();
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    const Fd in(ends[0]);
    const Fd out(ends[1]);
    int calls = 0;
    auto source = loop.on_io(in.get(), EPOLLIN, [&](std::uint32_t events) {
        EXPECT_TRUE(events & EPOLLIN);
        ++calls;
    });
    ASSERT_TRUE(source) << source.error().message;
    EXPECT_FALSE(*loop.turn(0us));
    ASSERT_EQ(::write(out.get(), "x", 1), 1);
    EXPECT_TRUE(*loop.turn(1s));
    source->enable(false);
    EXPECT_FALSE(*loop.turn(0us));
    source->enable(true);
    EXPECT_TRUE(*loop.turn(1s));
    source->reset();
    EXPECT_FALSE(*loop.turn(0us));
    EXPECT_EQ(calls, 2);
}

TEST(EventLoop, ATimerIsArmedAgain) {
    const auto loop = loop_or_die();
    int calls = 0;
    Source timer;
    timer = *loop.on_time(1ms, 0us, [&] {
        if (++calls < 3)
            timer.call_after(1ms);
        else
            loop.quit(7);
    });
    EXPECT_EQ(*loop.run(), 7);
    EXPECT_EQ(calls, 3);
}

TEST(EventLoop, ASourceMayEndInItsOwnCall) {
    const auto loop = loop_or_die();
    int calls = 0;
    Source once;
    once = *loop.on_time(0us, 0us, [&] {
        ++calls;
        once.reset();
    });
    Source replaced;
    replaced = *loop.defer([&] { replaced = *loop.defer([&] { loop.quit(calls); }); });
    EXPECT_EQ(*loop.run(), 1);
}

TEST(EventLoop, SignalsArriveAsCalls) {
    const auto loop = loop_or_die();
    auto source = loop.on_signal(SIGUSR1, [&] { loop.quit(3); });
    ASSERT_TRUE(source);
    ASSERT_EQ(::kill(::getpid(), SIGUSR1), 0);
    EXPECT_EQ(*loop.run(), 3);
}

TEST(EventLoop, PrioritiesDecideTheOrder) {
    const auto loop = loop_or_die();
    std::vector<int> order;
    auto later = loop.defer(
        [&] {
            order.push_back(2);
            loop.quit(0);
        },
        EventLoop::Priority::idle);
    auto first = loop.defer([&] { order.push_back(1); }, EventLoop::Priority::watch);
    EXPECT_EQ(*loop.run(), 0);
    EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(EventLoop, ARegularFileCannotBeWaitedFor) {
    const auto loop = loop_or_die();
    const Fd file(::memfd_create("x", 0));
    EXPECT_FALSE(loop.on_io(file.get(), EPOLLIN, [](std::uint32_t) {}));
}

}  // namespace
}  // namespace plimsoll::bus
