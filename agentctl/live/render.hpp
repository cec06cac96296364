// SPDX-License-Identifier: Apache-2.0
// What the live verbs show, as text and as JSON. Pure: the time of now is an argument. Whatever the daemon
// told goes through printable() and safe() on its way.
#pragma once
#include "agentctl/live/model.hpp"
#include "agentctl/render/text.hpp"

#include <string>
#include <string_view>

namespace plimsoll::agentctl::live {

// How long, to two units at most: "350 µs", "4.2 ms", "12.3 s", "3 min 4 s", "3 h 12 min", "2 d 3 h".
[[nodiscard]] std::string duration(std::chrono::microseconds d);
// "3 h 12 min ago"; what lies ahead of a clock that was set back is "just now".
[[nodiscard]] std::string ago(Time then, Time now);
// Safe on a terminal, and not endless.
[[nodiscard]] std::string shown(std::string_view text);

// As the exit code of `check`; a line of another name is unobserved.
[[nodiscard]] int exit_code_of(std::string_view line);
// "inside the line", "outside the line", "line not observed".
[[nodiscard]] std::string line_words(std::string_view line);

// At most 24 lines of at most `style.width` columns.
[[nodiscard]] std::string status_table(const Overview& overview, const render::Style& style);
// "plimsoll.status/1"; everything, where the table cuts.
[[nodiscard]] Value status_json(const Overview& overview);

// `limit`: as it was asked for, to say when there may be more.
[[nodiscard]] std::string history_table(const std::vector<Transition>& list, std::size_t limit,
                                        const render::Style& style);
// "plimsoll.history/1".
[[nodiscard]] Value history_json(const std::vector<Transition>& list);

[[nodiscard]] std::string containers_table(const std::vector<Container>& list, Time now,
                                           const render::Style& style);
// "plimsoll.containers/1".
[[nodiscard]] Value containers_json(const std::vector<Container>& list);

// What `watch` prints: one line each, without '\n'; as JSON "plimsoll.event/1".
[[nodiscard]] std::string transition_line(const Transition& t, const render::Style& style);
[[nodiscard]] Value transition_event(const Transition& t);
[[nodiscard]] std::string line_line(const Status& status, Time now, const render::Style& style);
[[nodiscard]] Value line_event(const Status& status, Time now);
[[nodiscard]] std::string presence_line(bool there, Time now, const render::Style& style);
[[nodiscard]] Value presence_event(bool there, Time now);

// "plimsoll.wait/1".
[[nodiscard]] Value wait_json(std::string_view line, bool timed_out);

}  // namespace plimsoll::agentctl::live
