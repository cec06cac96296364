// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/text.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace plimsoll::agentctl::render {
namespace {

struct Decoded {
    char32_t code{0};
    std::size_t bytes{1};
    bool valid{false};
};

// The first character of a non-empty string.
Decoded decode(std::string_view s) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
    const unsigned char c = byte(0);
    const std::size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (s.size() < n || !valid_utf8(s.substr(0, n)))
        return {c, 1, false};
    char32_t code = n == 1 ? c : c & (0x7fU >> n);
    for (std::size_t i = 1; i < n; ++i)
        code = (code << 6) | (byte(i) & 0x3fU);
    return {code, n, true};
}

using Span = std::pair<char32_t, char32_t>;

template <std::size_t N>
bool within(const std::array<Span, N>& spans, char32_t c) {
    return std::ranges::any_of(spans, [c](const Span& s) { return c >= s.first && c <= s.second; });
}

// Characters that reorder, hide or join text: Unicode general category Cf, line and paragraph separators,
// variation selectors left alone (they follow emoji).
constexpr std::array<Span, 12> deceiving{{{0xad, 0xad},
                                          {0x61c, 0x61c},
                                          {0x180e, 0x180e},
                                          {0x200b, 0x200f},
                                          {0x2028, 0x202e},
                                          {0x2060, 0x206f},
                                          {0xfeff, 0xfeff},
                                          {0xfff9, 0xfffb},
                                          {0xfff0, 0xfff8},
                                          {0x1bca0, 0x1bca3},
                                          {0x1d173, 0x1d17a},
                                          {0xe0000, 0xe0fff}}};

// The common blocks of combining marks (Unicode categories Mn and Me).
constexpr std::array<Span, 16> combining{{{0x300, 0x36f},
                                          {0x483, 0x489},
                                          {0x591, 0x5bd},
                                          {0x610, 0x61a},
                                          {0x64b, 0x65f},
                                          {0x6d6, 0x6dc},
                                          {0x900, 0x902},
                                          {0x93c, 0x93c},
                                          {0x941, 0x948},
                                          {0xe31, 0xe31},
                                          {0xe34, 0xe3a},
                                          {0xe47, 0xe4e},
                                          {0x1ab0, 0x1aff},
                                          {0x1dc0, 0x1dff},
                                          {0x20d0, 0x20ff},
                                          {0xfe00, 0xfe0f}}};

// East Asian Wide and Fullwidth (UAX 11), and emoji.
constexpr std::array<Span, 14> wide{{{0x1100, 0x115f},
                                     {0x231a, 0x231b},
                                     {0x23e9, 0x23ec},
                                     {0x2e80, 0x303e},
                                     {0x3041, 0x33ff},
                                     {0x3400, 0x4dbf},
                                     {0x4e00, 0x9fff},
                                     {0xa000, 0xa4cf},
                                     {0xac00, 0xd7a3},
                                     {0xf900, 0xfaff},
                                     {0xfe30, 0xfe6f},
                                     {0xff00, 0xff60},
                                     {0x1f300, 0x1faff},
                                     {0x20000, 0x3fffd}}};

std::size_t width_of(char32_t c) {
    if (c < 0x300)
        return 1;
    return within(combining, c) ? 0 : within(wide, c) ? 2 : 1;
}

bool acts_on_terminal(const Decoded& d) {
    return !d.valid || d.code < 0x20 || (d.code >= 0x7f && d.code < 0xa0) || within(deceiving, d.code);
}

std::string hex(char32_t v, std::size_t digits) {
    static constexpr std::string_view alphabet = "0123456789abcdef";
    std::string out;
    for (; v != 0 || out.size() < digits; v >>= 4)
        out.insert(out.begin(), alphabet[v & 15]);
    return out;
}

// The longest prefix of at most `width` columns, at least one character.
std::size_t prefix_of(std::string_view s, std::size_t width) {
    std::size_t bytes = 0;
    for (std::size_t columns = 0; bytes < s.size();) {
        const Decoded d = decode(s.substr(bytes));
        columns += width_of(d.code);
        if (columns > width && bytes != 0)
            break;
        bytes += d.bytes;
    }
    return bytes;
}

}  // namespace

std::string safe(std::string_view s) {
    std::string out;
    out.reserve(s.size());
    while (!s.empty()) {
        const Decoded d = decode(s);
        if (!acts_on_terminal(d))
            out += s.substr(0, d.bytes);
        else if (d.code < 0x100)
            out += "\\x" + hex(d.code, 2);
        else
            out += "\\u{" + hex(d.code, 4) + "}";
        s.remove_prefix(d.bytes);
    }
    return out;
}

std::string safe_json(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    while (!json.empty()) {
        const Decoded d = decode(json);
        // Below 0x20 only the layout's own newlines are left: JSON strings cannot hold others.
        if (d.code < 0x20 || !acts_on_terminal(d))
            out += json.substr(0, d.bytes);
        else if (d.code < 0x10000)
            out += "\\u" + hex(d.code, 4);
        else
            out += "\\u" + hex(0xd800 + ((d.code - 0x10000) >> 10), 4) + "\\u" +
                   hex(0xdc00 + ((d.code - 0x10000) & 0x3ff), 4);
        json.remove_prefix(d.bytes);
    }
    return out;
}

std::size_t display_width(std::string_view s) {
    std::size_t columns = 0;
    while (!s.empty()) {
        const Decoded d = decode(s);
        columns += width_of(d.code);
        s.remove_prefix(d.bytes);
    }
    return columns;
}

std::vector<std::string> wrap(std::string_view s, std::size_t width) {
    width = std::max<std::size_t>(width, 2);
    std::vector<std::string> lines;
    for (std::size_t end = prefix_of(s, width); end < s.size(); end = prefix_of(s, width)) {
        const auto blank = s.substr(0, end + 1).rfind(' ');
        const bool at_blank = blank != std::string_view::npos && s.find_first_not_of(' ') < blank;
        lines.emplace_back(s.substr(0, at_blank ? blank : end));
        s.remove_prefix(at_blank ? blank : end);
        s.remove_prefix(std::min(s.find_first_not_of(' '), s.size()));
    }
    lines.emplace_back(s);
    return lines;
}

std::string hanging(std::string_view first, std::string_view s, std::size_t width) {
    const std::size_t indent = display_width(first);
    std::string out;
    for (const auto& line : wrap(s, width > indent ? width - indent : 2)) {
        out += out.empty() ? std::string(first) : std::string(indent, ' ');
        out += line + "\n";
    }
    return out;
}

std::string pad(std::string_view s, std::size_t width) {
    const std::size_t used = display_width(s);
    return std::string(s) + std::string(used < width ? width - used : 0, ' ');
}

std::string fit(std::string_view s, std::size_t width) {
    if (display_width(s) <= width)
        return std::string(s);
    return std::string(s.substr(0, prefix_of(s, width - 1))) + "…";
}

std::string paint(const Style& style, Ink ink, std::string_view s) {
    static constexpr std::array<std::string_view, 7> codes{"", "1", "2", "1;31", "32", "33", "36"};
    if (!style.color || ink == Ink::plain || s.empty())
        return std::string(s);
    return "\x1b[" + std::string(codes[static_cast<std::size_t>(ink)]) + "m" + std::string(s) + "\x1b[0m";
}

std::string labelled(const Style& style, std::string_view indent, Ink ink, std::string_view label,
                     std::string_view text) {
    const std::string prefix = std::string(indent) + std::string(label);
    std::string out = hanging(prefix, text, style.width);
    return std::string(indent) + paint(style, ink, label) + out.substr(prefix.size());
}

std::string shell_quote(std::string_view s) {
    static constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
    if (!s.empty() && s.find_first_not_of(plain) == std::string_view::npos)
        return std::string(s);
    std::string out = "'";
    for (const char c : s)
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

}  // namespace plimsoll::agentctl::render
