// SPDX-License-Identifier: Apache-2.0
// wait: until the host is inside its line.
#include "agentctl/live/follow.hpp"
#include "agentctl/live/render.hpp"
#include "agentctl/live/verbs.hpp"
#include "agentctl/terminal.hpp"
#include "core/base/text.hpp"

namespace plimsoll::agentctl::live {
namespace {

struct Ending {
    std::string line{};  // "": the daemon has left, or does not answer
    bool timed_out{false};
};

Result<Ending> wait_with(const Options& options, Client& client, const Status& first,
                         const bus::EventLoop& loop) {
    Ending out{first.line};
    if (out.line == "inside")
        return out;
    // What changed since the first question is told first: the signals were subscribed to before it.
    Events events;
    events.status = [&](const Status& s) {
        out.line = s.line;
        if (s.line == "inside")
            loop.quit(0);
    };
    events.presence = [&](bool there) {
        if (there)
            return;
        out.line.clear();
        warn("the daemon has left the bus; waiting for it");
    };
    events.unanswered = [&](const Error& e) {
        out.line.clear();
        warn("the daemon does not say how the host is: " + e.message + "; asking again");
    };
    PLIMSOLL_TRY(const auto follower, Follower::start(client, loop, std::move(events)));
    bus::Source timer;
    if (!options.timeout.empty()) {
        const std::chrono::seconds limit(parse_u64(options.timeout).value_or(0));
        PLIMSOLL_TRY(timer, loop.on_time(limit, std::chrono::milliseconds(1), [&] {
            out.timed_out = true;
            loop.quit(0);
        }));
    }
    PLIMSOLL_CHECK(loop.run());
    if (!follower->lost().empty())
        return fail(Code::unsupported, "the bus is lost: " + follower->lost());
    return out;
}

std::string words_for(const Ending& ending, const Options& options) {
    if (!ending.timed_out)
        return "inside the line";
    const std::string after = " after " + options.timeout + " s";
    return ending.line.empty() ? "no daemon answers" + after : line_words(ending.line) + after;
}

}  // namespace

int wait(const Options& options) {
    const auto loop = bus::EventLoop::make();
    if (!loop)
        return complain(no_answer(loop.error(), options));
    const auto asked = ask_daemon(options);
    if (!asked)
        return complain(asked.error());
    const auto ending = wait_with(options, *asked->client, asked->status, *loop);
    if (!ending)
        return complain(no_answer(ending.error(), options));
    const int code = exit_code_of(ending->line);
    if (options.format == "json")
        return print_json(options, wait_json(ending->line, ending->timed_out), code);
    if (!ending->timed_out)
        return print(options, words_for(*ending, options) + "\n", code);
    return complain({code, words_for(*ending, options) + "\nWhat fails: agentctl status"});
}

}  // namespace plimsoll::agentctl::live
