// SPDX-License-Identifier: Apache-2.0
// Which inodes are watched for which groups and names: plans become inotify watches, events become groups.
#pragma once
#include "daemon/watch/inotify.hpp"
#include "daemon/watch/plan.hpp"
#include "daemon/watch/watcher.hpp"

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plimsoll::daemon {

// Whom an event concerns.
struct Touched {
    Groups now{0};
    Groups soon{0};  // a file is being written: more will follow
    Groups moved{
        0};  // of `now`: what they looked at may be somewhere else, so that they have to be planned anew
    Groups lost{0};           // their watch is gone
    std::string_view path{};  // of the directory or file; valid until the next call
};

struct Armed {
    bool fresh{false};  // something is watched that was not
    bool raced{false};  // something was not there any more
    std::size_t no_watch_left{0};
    std::vector<std::string> problems{};  // printable; a few at most
};

class WatchTable {
  public:
    // Both must outlive it.
    WatchTable(const host::Sysroot& root, const Inotify& inotify) : root_(root), inotify_(inotify) {}

    // `group` has exactly this plan from now on.
    [[nodiscard]] Armed arm(std::size_t group, const WatchPlan& plan);

    // Somebody else put another inode at a place of the group's: it has to look once more, as the next arm()
    // says.
    [[nodiscard]] bool owes(std::size_t group) const { return (owed_ >> group & 1) != 0; }

    // Calls once per place that the event's inode is watched for.
    void match(const InotifyEvent& event, const std::function<void(const Touched&)>& call);

    // Groups that look at something at or below a real path, or at its name.
    // Events were lost, so a watch may be gone without a word: the next arm() adds each once more.
    void doubt();

    [[nodiscard]] Groups looking_at(std::string_view path) const;

    // Places, for tests and figures.
    [[nodiscard]] std::size_t size() const { return places_.size(); }

    [[nodiscard]] std::size_t watches() const { return watches_.size(); }

  private:
    struct Interest {
        Groups name{0};
        Groups content{0};
    };

    struct Place {
        Spot::Kind kind{Spot::Kind::directory};
        Identity id{};
        int watch{-1};
        Groups groups{0};  // all of the following
        std::map<std::string, Interest, std::less<>> names{};
        Groups every{0};
        Groups listed{0};
        Groups itself{0};
    };

    using Places = std::map<std::string, Place, std::less<>>;

    struct Watch {
        std::uint32_t mask{0};
        std::vector<Places::value_type*> places{};  // of this inode: more than one with bind mounts
        Fd held{};  // of a knob: without it, the kernel may forget the inode and the watch with it
    };

    [[nodiscard]] static std::uint32_t mask_of(const Place& place);
    [[nodiscard]] static bool enter(Place& place, const Spot& spot, Groups bit);
    static void leave(Place& place, Groups bit);
    void settle(Places::value_type& at, const Spot& spot, Groups bit, Armed& out);
    void attach(Places::value_type& at, int watch, Fd what, Groups bit, Armed& out);
    void detach(Places::value_type& at);
    [[nodiscard]] std::uint32_t needed(const Watch& watch) const;
    [[nodiscard]] Touched touched(const Places::value_type& at, const InotifyEvent& event) const;

    const host::Sysroot& root_;
    const Inotify& inotify_;
    Places places_{};
    std::unordered_map<int, Watch> watches_{};
    Groups owed_{0};  // see owes()
};

}  // namespace plimsoll::daemon
