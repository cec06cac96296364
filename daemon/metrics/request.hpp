// SPDX-License-Identifier: Apache-2.0
// As much of HTTP/1.0 (RFC 1945) as a scraper needs: one request, one answer, the end. Pure.
#pragma once
#include <string>
#include <string_view>

namespace plimsoll::daemon::metrics {

// Of a request with its headers; no scraper needs as much.
inline constexpr std::size_t most_request{8192};

enum class Answer {
    incomplete,  // read on
    metrics,
    head,          // the same without the text
    bad_request,   // not HTTP/1
    not_found,     // another path
    wrong_method,  // neither GET nor HEAD
    too_long,
};

// What the bytes that came so far ask for.
[[nodiscard]] Answer answer_to(std::string_view request);

// The whole answer; `text` is only sent with Answer::metrics, and told the length of with Answer::head.
[[nodiscard]] std::string response(Answer answer, std::string_view text);

}  // namespace plimsoll::daemon::metrics
