// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/watch_table.hpp"

#include "core/base/text.hpp"
#include "core/host/mountinfo.hpp"

#include <algorithm>

#include <fcntl.h>
#include <sys/inotify.h>

namespace plimsoll::daemon {
namespace {

constexpr std::size_t most_problems = 8;
constexpr std::uint32_t names_change = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr std::uint32_t content_changes = IN_MODIFY | IN_CLOSE_WRITE;
constexpr std::uint32_t goes_away = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;

// In steps of two sorted maps: `gone` for what is in the first only, `both` for each of the second.
template <class Old, class New, class Gone, class Both>
void merge(Old& old, const New& now, const Gone& gone, const Both& both) {
    auto it = old.begin();
    for (const auto& entry : now) {
        while (it != old.end() && it->first < entry.first)
            it = gone(it);
        if (it == old.end() || entry.first < it->first)
            it = old.try_emplace(it, entry.first);
        both(*it, entry.second);
        ++it;
    }
    while (it != old.end())
        it = gone(it);
}

}  // namespace

std::uint32_t WatchTable::mask_of(const Place& place) {
    switch (place.kind) {
        case Spot::Kind::knob:
            return IN_MODIFY;  // one write is the whole change
        case Spot::Kind::special:
            return IN_ATTRIB;
        case Spot::Kind::file:
            return content_changes | IN_ATTRIB;
        case Spot::Kind::directory:
            break;
    }
    std::uint32_t out = names_change | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
    if (place.itself != 0 || place.every != 0 || !place.names.empty())
        out |= IN_ATTRIB;
    if (place.every != 0 ||
        std::ranges::any_of(place.names, [](const auto& n) { return n.second.content != 0; }))
        out |= content_changes;
    return out;
}

// True: something is of interest that was not.
bool WatchTable::enter(Place& place, const Spot& spot, Groups bit) {
    bool fresh = false;
    const auto put = [&](Groups& groups, bool wanted) {
        fresh = fresh || (wanted && (groups & bit) == 0);
        groups = wanted ? groups | bit : groups & ~bit;
    };
    merge(
        place.names, spot.names,
        [&](auto it) {
            it->second.name &= ~bit;
            it->second.content &= ~bit;
            return it->second.name == 0 ? place.names.erase(it) : std::next(it);
        },
        [&](auto& entry, bool content) {
            put(entry.second.name, true);
            put(entry.second.content, content);
        });
    put(place.every, spot.every_name);
    put(place.listed, spot.listed);
    put(place.itself, spot.itself);
    put(place.groups, true);
    return fresh;
}

void WatchTable::leave(Place& place, Groups bit) {
    (void)enter(place, {}, bit);
    place.groups &= ~bit;
}

std::uint32_t WatchTable::needed(const Watch& watch) const {
    std::uint32_t out = 0;
    for (const auto* at : watch.places)
        out |= mask_of(at->second);
    return out;
}

void WatchTable::detach(Places::value_type& at) {
    const auto found = watches_.find(std::exchange(at.second.watch, -1));
    if (found == watches_.end())
        return;
    std::erase(found->second.places, &at);
    if (!found->second.places.empty())
        return;
    inotify_.remove(found->first);
    watches_.erase(found);
}

void WatchTable::attach(Places::value_type& at, int watch, Fd what, Groups bit, Armed& out) {
    auto& w = watches_[watch];
    if (at.second.watch != watch) {
        w.places.push_back(&at);
        detach(at);
        at.second.watch = watch;
        out.fresh = true;
        owed_ |= at.second.groups & ~bit;
    }
    const std::uint32_t had = w.mask | mask_of(at.second);
    w.mask = needed(w);
    if (had != w.mask)
        (void)inotify_.add(what, w.mask);  // cannot need a further watch
    if (at.second.kind == Spot::Kind::knob && !w.held)
        w.held = std::move(what);
}

// Sees to it that the place is watched, by what is there now.
void WatchTable::settle(Places::value_type& at, const Spot& spot, Groups bit, Armed& out) {
    auto& place = at.second;
    const auto found = watches_.find(place.watch);
    const bool same = place.kind == spot.kind && place.id == spot.id;
    if (same && found != watches_.end() && found->second.mask == needed(found->second))
        return;
    place.kind = spot.kind;
    auto what = root_.open_at(at.first, O_PATH | O_NOFOLLOW);
    struct stat st{};
    if (!what || ::fstat(what->get(), &st) < 0 ||
        S_ISDIR(st.st_mode) != (spot.kind == Spot::Kind::directory)) {
        const int e = what ? ENOENT : what.error().sys_errno;
        if (e == ENOENT || e == ENOTDIR || e == ELOOP)
            out.raced = true;
        else if (out.problems.size() < most_problems)
            out.problems.push_back(printable("cannot watch: " + what.error().message));
        return detach(at);
    }
    place.id = {st.st_dev, st.st_ino};
    // Added to what may be there for another path, so that this loses nothing meanwhile.
    const auto watch = inotify_.add(*what, mask_of(place) | IN_MASK_ADD);
    if (watch)
        return attach(at, *watch, *std::move(what), bit, out);
    detach(at);
    if (watch.error().sys_errno == ENOSPC)
        ++out.no_watch_left;
    else if (out.problems.size() < most_problems)
        out.problems.push_back(printable("cannot watch " + at.first + ": " + watch.error().message));
}

Armed WatchTable::arm(std::size_t group, const WatchPlan& plan) {
    Armed out;
    const Groups bit = Groups{1} << group;
    out.fresh = (owed_ & bit) != 0;
    owed_ &= ~bit;
    merge(
        places_, plan.spots,
        [&](Places::iterator it) {
            if ((it->second.groups & bit) == 0)
                return std::next(it);
            leave(it->second, bit);
            if (it->second.groups != 0)
                return std::next(it);
            detach(*it);
            return places_.erase(it);
        },
        [&](Places::value_type& at, const Spot& spot) {
            out.fresh = enter(at.second, spot, bit) || out.fresh;
            settle(at, spot, bit, out);
        });
    return out;
}

Touched WatchTable::touched(const Places::value_type& at, const InotifyEvent& event) const {
    const auto& place = at.second;
    Touched out{.path = at.first};
    // The last name of a file is gone, of which its directory is told as well: nothing is lost.
    if (event.mask == IN_IGNORED && place.kind != Spot::Kind::directory && place.kind != Spot::Kind::knob) {
        out.now = out.moved = place.itself;
        return out;
    }
    if ((event.mask & goes_away) != 0) {
        out.lost = place.groups;
        return out;
    }
    if (event.name.empty()) {
        const bool busy = (event.mask & IN_MODIFY) != 0 && place.kind == Spot::Kind::file;
        (busy ? out.soon : out.now) = place.itself;
        return out;
    }
    const auto found = place.names.find(event.name);
    const auto interest = found == place.names.end() ? Interest{} : found->second;
    if ((event.mask & content_changes) != 0) {
        ((event.mask & IN_MODIFY) != 0 ? out.soon : out.now) = place.every | interest.content;
        return out;
    }
    out.now = place.every | interest.name;
    if ((event.mask & names_change) == 0)
        return out;
    out.moved = out.now;
    out.now |= place.listed;
    // The usual way to write: nothing is elsewhere then, and their plan holds.
    if ((event.mask & IN_MOVED_TO) != 0 && interest.content != 0) {
        const std::string path = child_of(at.first, event.name);
        if (!places_.contains(path) && tells_its_directory(root_, path))
            out.moved &= ~interest.content;
    }
    return out;
}

void WatchTable::match(const InotifyEvent& event, const std::function<void(const Touched&)>& call) {
    const auto found = watches_.find(event.watch);
    if (found == watches_.end())
        return;  // removed by us, while this was in the queue
    for (const auto* at : found->second.places)
        call(touched(*at, event));
    if ((event.mask & goes_away) == 0)
        return;
    for (auto* at : found->second.places)
        at->second.watch = -1;
    inotify_.remove(event.watch);
    watches_.erase(found);
}

void WatchTable::doubt() {
    for (auto& [path, place] : places_)
        place.id = {};
}

Groups WatchTable::looking_at(std::string_view path) const {
    Groups out = 0;
    for (auto it = places_.lower_bound(path); it != places_.end() && it->first.starts_with(path); ++it)
        if (host::is_within(it->first, path))
            out |= it->second.groups;
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos || path.size() == 1)
        return out;
    if (const auto up = places_.find(path.substr(0, std::max<std::size_t>(slash, 1))); up != places_.end()) {
        out |= up->second.every;
        if (const auto name = up->second.names.find(path.substr(slash + 1)); name != up->second.names.end())
            out |= name->second.name;
    }
    return out;
}

}  // namespace plimsoll::daemon
