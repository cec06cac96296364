// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/watcher.hpp"

#include "core/base/text.hpp"
#include "daemon/watch/inotify.hpp"
#include "daemon/watch/mount_changes.hpp"
#include "daemon/watch/plan.hpp"
#include "daemon/watch/watch_table.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <set>

#include <sys/epoll.h>
#include <sys/inotify.h>

namespace plimsoll::daemon {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds writing{20};   // a file that is being written is looked at so long after
constexpr milliseconds mounting{10};  // mounts come in bursts
constexpr milliseconds slack{1};
constexpr milliseconds settling{200};  // a tree that never holds still is looked at so long after
constexpr int most_rounds = 4;         // of planning
constexpr int most_looks = 4;          // one after the other, asked for by watch()

template <class Call>
void for_each_group(Groups groups, const Call& call) {
    for (std::size_t g = 0; g < most_groups; ++g)
        if ((groups >> g & 1) != 0)
            call(g);
}

// Events to come, each group in one of them.
class Batch {
  public:
    void add(Groups groups, std::string_view what, std::string_view path, std::string_view name = {}) {
        groups &= ~groups_;
        if (groups == 0)
            return;
        groups_ |= groups;
        std::string cause(what);
        if (!path.empty())
            cause += printable(name.empty() ? std::string(path) : child_of(path, name));
        const auto same = std::ranges::find(events_, cause, &Event::cause);
        if (same != events_.end())
            same->groups |= groups;
        else
            events_.push_back({groups, std::move(cause), false});
    }

    void drop(Groups groups) {
        groups_ &= ~groups;
        for (auto& e : events_)
            e.groups &= ~groups;
        std::erase_if(events_, [](const Event& e) { return e.groups == 0; });
    }

    [[nodiscard]] Groups groups() const { return groups_; }

    [[nodiscard]] std::vector<Event> take() {
        groups_ = 0;
        return std::exchange(events_, {});
    }

  private:
    Groups groups_{0};
    std::vector<Event> events_{};
};

std::string limit_of_watches() {
    const auto real = host::Sysroot::open("/");
    const auto text = real ? real->read("/proc/sys/fs/inotify/max_user_watches", 64)
                           : Result<std::string>(fail(Code::not_found, ""));
    return "no inotify watch left (fs.inotify.max_user_watches=" +
           (text ? printable(trim(*text)) : std::string("?")) + ")";
}

}  // namespace

struct Watcher::State {
    struct Group {
        host::Footprint footprint{};
        bool moved{false};  // what it looked at may be somewhere else
        std::vector<std::string> problems{};
        std::size_t no_watch_left{0};
        int looks{0};  // asked for by watch() since it last was content

        [[nodiscard]] bool partly() const { return no_watch_left > 0 || !problems.empty(); }
    };

    State(const host::Sysroot& r, Inotify i, std::function<void(const Event&)> call)
        : inotify(std::move(i)), table(r, inotify), root(r), on_event(std::move(call)) {}

    Result<void> start(const bus::EventLoop& loop);
    bool plan(std::size_t group);
    void on_inotify();
    void note(const InotifyEvent& event, Batch& now, Batch& lost);
    void on_mounts();
    void on_written();
    void on_settled();
    void emit(Batch& lost, Batch& now);
    [[nodiscard]] Groups all() const;

    Inotify inotify;
    WatchTable table;
    const host::Sysroot& root;
    std::function<void(const Event&)> on_event;
    std::optional<MountChanges> mounts{};
    bool mounts_due{false};   // waits for `when_mounted`
    std::string no_mounts{};  // why mount changes are not watched
    std::array<Group, most_groups> groups{};
    Batch written{};   // waits for `when_written`
    Batch unstable{};  // waits for `when_settled`: whenever it was looked at, something was new
    bus::Source from_inotify{};
    bus::Source from_mounts{};
    bus::Source when_mounted{};
    bus::Source when_written{};
    bus::Source when_settled{};
};

// True: something is newly watched.
bool Watcher::State::plan(std::size_t group) {
    auto& g = groups.at(group);
    bool fresh = false;
    for (int round = 0; round < most_rounds; ++round) {
        auto planned = plan_watches(root, g.footprint);
        auto armed = table.arm(group, planned);
        g.moved = false;
        g.no_watch_left = armed.no_watch_left;
        g.problems = std::move(planned.problems);
        g.problems.insert(g.problems.end(), armed.problems.begin(), armed.problems.end());
        fresh = fresh || armed.fresh;
        if (!armed.fresh && !armed.raced)
            return fresh;
    }
    g.moved = true;
    return true;
}

Groups Watcher::State::all() const {
    Groups out = 0;
    for (std::size_t g = 0; g < most_groups; ++g)
        if (!groups.at(g).footprint.paths.empty() || !groups.at(g).footprint.listed.empty())
            out |= Groups{1} << g;
    return out;
}

void Watcher::State::note(const InotifyEvent& event, Batch& now, Batch& lost) {
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
        table.doubt();
        return lost.add(all(), "events lost", {});
    }
    table.match(event, [&](const Touched& t) {
        lost.add(t.lost, "watch lost ", t.path);
        now.add(t.now, "event ", t.path, event.name);
        written.add(t.soon, "event ", t.path, event.name);
        for_each_group(t.moved, [&](std::size_t g) { groups.at(g).moved = true; });
    });
}

void Watcher::State::on_inotify() {
    Batch now;
    Batch lost;
    const Groups waiting = written.groups();
    inotify.read([&](const InotifyEvent& e) { note(e, now, lost); });
    for_each_group(lost.groups(), [&](std::size_t g) { (void)plan(g); });
    written.drop(now.groups() | lost.groups());
    if (waiting == 0 && written.groups() != 0)
        when_written.call_after(writing);
    emit(lost, now);
}

void Watcher::State::on_mounts() {
    mounts_due = false;
    const auto points = mounts->look();
    Groups concerned = points ? 0 : all();
    if (points)
        for (const auto& point : *points)
            concerned |= table.looking_at(point);
    for_each_group(concerned, [&](std::size_t g) { (void)plan(g); });
    Batch now;
    Batch none;
    now.add(concerned, "mounts changed", {});
    emit(none, now);
}

void Watcher::State::on_written() {
    Batch none;
    Batch now = std::exchange(written, {});
    emit(none, now);
}

void Watcher::State::on_settled() {
    Batch lost = std::exchange(unstable, {});
    Batch none;
    emit(lost, none);
}

// The last that is done in a call from the loop, for on_event may call watch().
void Watcher::State::emit(Batch& lost, Batch& now) {
    now.drop(lost.groups());
    for (auto& event : lost.take()) {
        event.lost = true;
        on_event(event);
    }
    for (const auto& event : now.take())
        on_event(event);
}

Watcher::Watcher(std::unique_ptr<State> state) : state_(std::move(state)) {}

Watcher::Watcher(Watcher&&) noexcept = default;
Watcher& Watcher::operator=(Watcher&&) noexcept = default;
Watcher::~Watcher() = default;

Result<void> Watcher::State::start(const bus::EventLoop& loop) {
    using enum bus::EventLoop::Priority;
    // A timer that waits for call_after(). After what is in the queue, which may make it needless.
    const auto timer = [&](bus::Source& source, void (State::*call)()) -> Result<void> {
        PLIMSOLL_TRY(source, loop.on_time(writing, slack, [this, call] { (this->*call)(); }, normal));
        source.enable(false);
        return {};
    };
    PLIMSOLL_CHECK(timer(when_written, &State::on_written));
    PLIMSOLL_CHECK(timer(when_settled, &State::on_settled));
    PLIMSOLL_CHECK(timer(when_mounted, &State::on_mounts));
    PLIMSOLL_TRY(from_inotify,
                 loop.on_io(inotify.fd(), EPOLLIN, [this](std::uint32_t) { on_inotify(); }, watch));
    auto table_of_mounts = MountChanges::make(root);
    if (!table_of_mounts) {
        no_mounts = "mount changes are not watched: " + printable(table_of_mounts.error().message);
        return {};
    }
    mounts = *std::move(table_of_mounts);
    const auto changed = [this](std::uint32_t) {
        if (!std::exchange(mounts_due, true))
            when_mounted.call_after(mounting);
    };
    PLIMSOLL_TRY(from_mounts, loop.on_io(mounts->fd(), EPOLLPRI, changed, watch));
    return {};
}

Result<Watcher> Watcher::make(const bus::EventLoop& loop, const host::Sysroot& root,
                              std::function<void(const Event&)> on_event) {
    PLIMSOLL_TRY(auto inotify, Inotify::make());
    auto state = std::make_unique<State>(root, std::move(inotify), std::move(on_event));
    PLIMSOLL_CHECK(state->start(loop));
    return Watcher(std::move(state));
}

bool Watcher::watch(std::size_t group, const host::Footprint& footprint) {
    if (group >= most_groups)
        return false;
    auto& g = state_->groups.at(group);
    const bool same = g.footprint == footprint;
    if (same && !g.moved && !g.partly() && !state_->table.owes(group)) {
        g.looks = 0;
        return false;
    }
    if (!same)
        g.footprint = footprint;
    if (!state_->plan(group)) {
        g.looks = 0;
        return false;
    }
    if (++g.looks <= most_looks)
        return true;
    g.looks = 0;
    if (state_->unstable.groups() == 0)
        state_->when_settled.call_after(settling);
    state_->unstable.add(Groups{1} << group, "events lost", {});
    return false;
}

Groups Watcher::looked_at(std::string_view path) const {
    const std::string below = std::string(path) + "/";
    Groups out = 0;
    for (std::size_t g = 0; g < most_groups; ++g) {
        const auto& paths = state_->groups.at(g).footprint.paths;
        const auto next = paths.lower_bound(below);
        if (paths.contains(path) || (next != paths.end() && next->starts_with(below)))
            out |= Groups{1} << g;
    }
    return out;
}

Groups Watcher::listed(std::string_view directory) const {
    Groups out = 0;
    for (std::size_t g = 0; g < most_groups; ++g)
        if (state_->groups.at(g).footprint.listed.contains(directory))
            out |= Groups{1} << g;
    return out;
}

std::vector<std::string> Watcher::degraded() const {
    std::set<std::string> lines;
    std::size_t no_watch_left = 0;
    for (const auto& g : state_->groups) {
        lines.insert(g.problems.begin(), g.problems.end());
        no_watch_left += g.no_watch_left;
    }
    if (no_watch_left > 0)
        lines.insert(limit_of_watches());
    if (!state_->no_mounts.empty())
        lines.insert(state_->no_mounts);
    return {lines.begin(), lines.end()};
}

}  // namespace plimsoll::daemon
