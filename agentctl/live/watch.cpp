// SPDX-License-Identifier: Apache-2.0
// watch: what happens, as it happens.
#include "agentctl/live/follow.hpp"
#include "agentctl/live/render.hpp"
#include "agentctl/live/verbs.hpp"
#include "agentctl/terminal.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/base/time.hpp"

#include <algorithm>
#include <csignal>

#include <sys/epoll.h>
#include <unistd.h>

namespace plimsoll::agentctl::live {
namespace {

class Watch {
  public:
    Watch(const Options& options, Client& client, const bus::EventLoop& loop)
        : options_(options), client_(client), loop_(loop), style_(style_for(options)) {}

    // What is told from now on comes after this.
    Result<void> begin(const Status& status) {
        PLIMSOLL_TRY(newest_, newest_id());
        tell_line(status);
        return {};
    }

    Events events() {
        return {[this](const Transition& t) { on_transition(t); }, [this](const Status& s) { on_status(s); },
                [this](bool there) { on_presence(there); },
                [](const Error& e) {
                    warn("the daemon does not say how the host is: " + e.message + "; asking again");
                }};
    }

  private:
    // After a return of the daemon catch_up() tells what happened, so signals before it tell nothing new.
    void on_transition(const Transition& t) {
        if (behind_ || t.id <= newest_)
            return;
        newest_ = t.id;
        tell(t);
    }

    void on_status(const Status& status) {
        if (behind_)
            catch_up();
        if (status.line != line_)
            tell_line(status);
    }

    void on_presence(bool there) {
        const Time now = wall_clock();
        if (!behind_)
            left_ = now;
        behind_ = true;
        print_event(presence_event(there, now), presence_line(there, now, style_));
    }

    void catch_up() {
        HistoryQuery query;
        query.limit = most_transitions;
        query.after = newest_;
        behind_ = false;
        const auto newest = newest_id();
        if (newest && *newest < newest_) {  // its memory was lost and began anew
            query.after = newest_ = 0;
            query.since = left_;
        }
        const auto missed = client_.history(query);
        if (!missed)
            return warn("what changed meanwhile cannot be told: " + missed.error().message);
        if (missed->size() == most_transitions)
            warn("more changed meanwhile than is told; see agentctl history");
        for (const auto& t : *missed)
            on_transition(t);
    }

    Result<std::uint64_t> newest_id() {
        HistoryQuery query;
        query.limit = 1;
        PLIMSOLL_TRY(const auto list, client_.history(query));
        return list.empty() ? 0 : list.back().id;
    }

    void tell(const Transition& t) {
        const bool wanted =
            options_.control.empty() || std::ranges::any_of(options_.control, [&](const std::string& g) {
                return glob_match(g, t.control);
            });
        if (wanted)
            print_event(transition_event(t), transition_line(t, style_));
    }

    void tell_line(const Status& status) {
        line_ = status.line;
        const Time now = wall_clock();
        print_event(line_event(status, now), line_line(status, now, style_));
    }

    void print_event(const Value& json, const std::string& text) {
        const std::string line = options_.format == "json" ? render::safe_json(to_json(json)) : text;
        if (const int code = print(options_, line + "\n", exit_inside); code != exit_inside)
            loop_.quit(code);
    }

    const Options& options_;
    Client& client_;
    const bus::EventLoop& loop_;
    render::Style style_;
    std::uint64_t newest_{0};  // id of the newest transition that was told
    bool behind_{false};       // the daemon was away, and what happened meanwhile is not told yet
    Time left_{};
    std::string line_{};
};

// Until it is interrupted, nobody reads what it prints, or the bus is lost.
Result<int> run(const Options& options, Client& client, const Status& status, const bus::EventLoop& loop) {
    PLIMSOLL_TRY(const auto interrupted, loop.on_signal(SIGINT, [&] { loop.quit(exit_inside); }));
    PLIMSOLL_TRY(const auto terminated, loop.on_signal(SIGTERM, [&] { loop.quit(exit_inside); }));
    // Only a pipe or a terminal can be waited for; a file has no reader to lose.
    const auto unread = loop.on_io(STDOUT_FILENO, EPOLLERR, [&](std::uint32_t) { loop.quit(exit_inside); });
    Watch watch(options, client, loop);
    PLIMSOLL_TRY(const auto follower, Follower::start(client, loop, watch.events()));
    PLIMSOLL_CHECK(watch.begin(status));
    PLIMSOLL_TRY(const int code, loop.run());
    if (!follower->lost().empty())
        return fail(Code::unsupported, "the bus is lost: " + follower->lost());
    return code;
}

}  // namespace

int watch(const Options& options) {
    const auto loop = bus::EventLoop::make();
    if (!loop)
        return complain(no_answer(loop.error(), options));
    const auto asked = ask_daemon(options);
    if (!asked)
        return complain(asked.error());
    const auto code = run(options, *asked->client, asked->status, *loop);
    return code ? *code : complain(no_answer(code.error(), options));
}

}  // namespace plimsoll::agentctl::live
