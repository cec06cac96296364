// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace plimsoll {

std::string to_rfc3339(Time t) {
    const auto day = std::chrono::floor<std::chrono::days>(t);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{t - day};
    std::array<char, 40> buf{};
    std::snprintf(buf.data(), buf.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()));
    return buf.data();
}

namespace {

// Takes exactly `n` digits from the front.
std::optional<int> digits(std::string_view& s, std::size_t n) {
    const auto value = s.size() < n ? std::nullopt : parse_u64(s.substr(0, n));
    if (!value)
        return std::nullopt;
    s.remove_prefix(n);
    return static_cast<int>(*value);
}

bool take(std::string_view& s, char c) {
    if (!s.starts_with(c))
        return false;
    s.remove_prefix(1);
    return true;
}

// "NN:NN"
std::optional<std::chrono::minutes> hours_minutes(std::string_view& s) {
    const auto h = digits(s, 2);
    if (!h || *h > 23 || !take(s, ':'))
        return std::nullopt;
    const auto m = digits(s, 2);
    if (!m || *m > 59)
        return std::nullopt;
    return std::chrono::hours{*h} + std::chrono::minutes{*m};
}

// "Z", "+NN:NN" or "-NN:NN": what has to be added for UTC.
std::optional<std::chrono::minutes> to_utc(std::string_view s) {
    if (s == "Z" || s == "z")
        return std::chrono::minutes{0};
    const bool east = take(s, '+');
    if (!east && !take(s, '-'))
        return std::nullopt;
    const auto offset = hours_minutes(s);
    if (!offset || !s.empty())
        return std::nullopt;
    return east ? -*offset : *offset;
}

}  // namespace

std::optional<Time> parse_rfc3339(std::string_view text) {
    const auto year = digits(text, 4);
    const bool dash = take(text, '-');
    const auto month = digits(text, 2);
    const bool dash2 = take(text, '-');
    const auto day = digits(text, 2);
    if (!year || !dash || !month || !dash2 || !day)
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok())
        return std::nullopt;
    const Time midnight = std::chrono::sys_days{date};
    if (text.empty())
        return midnight;
    if (!take(text, 'T') && !take(text, 't') && !take(text, ' '))
        return std::nullopt;
    const auto clock = hours_minutes(text);
    const bool colon = take(text, ':');
    const auto seconds = digits(text, 2);
    if (!clock || !colon || !seconds || *seconds > 59)
        return std::nullopt;
    if (take(text, '.')) {
        const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
        if (end == 0)
            return std::nullopt;
        text.remove_prefix(end);
    }
    const auto offset = to_utc(text);
    if (!offset)
        return std::nullopt;
    return midnight + *clock + std::chrono::seconds{*seconds} + *offset;
}

Time wall_clock() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

}  // namespace plimsoll
