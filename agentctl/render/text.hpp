// SPDX-License-Identifier: Apache-2.0
// Text for a terminal: safe bytes, display width, wrapping, colour.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::agentctl::render {

// How a table is to look.
struct Style {
    bool color{false};
    bool verbose{false};
    std::size_t width{80};  // columns
    std::string command{};  // options to repeat in a suggested command: " --root /srv/image"
};

// No control character, no invalid UTF-8, nothing that reorders or hides text (bidirectional controls,
// zero-width and tag characters): those become \xNN or \u{NNNN}. Newlines too.
[[nodiscard]] std::string safe(std::string_view s);

// The same for a JSON document: what a terminal might act on is written as \uNNNN, which means the same.
[[nodiscard]] std::string safe_json(std::string_view json);

// Columns that a terminal uses for `s`: 0 for combining marks, 2 for wide East Asian characters and emoji.
// `s` is valid UTF-8 without escape sequences; an invalid byte counts as one column.
[[nodiscard]] std::size_t display_width(std::string_view s);

// Breaks at blanks into lines of at most `width` columns; a longer word is cut. Blanks within a line stay as
// they are. At least one line.
[[nodiscard]] std::vector<std::string> wrap(std::string_view s, std::size_t width);

// wrap() with `first` before the first line and blanks of the same width before the others; ends with '\n'.
// The prefix counts towards the width.
[[nodiscard]] std::string hanging(std::string_view first, std::string_view s, std::size_t width);

// `s` and blanks up to `width` columns; never cut.
[[nodiscard]] std::string pad(std::string_view s, std::size_t width);

// `s` cut to `width` columns, with "…" when something is missing.
[[nodiscard]] std::string fit(std::string_view s, std::size_t width);

enum class Ink { plain, bold, dim, red, green, yellow, cyan };

// `s` in this colour when the style wants colours.
[[nodiscard]] std::string paint(const Style& style, Ink ink, std::string_view s);

// `indent`, `label` in that colour, then `s` wrapped beside it; ends with '\n'.
[[nodiscard]] std::string labelled(const Style& style, std::string_view indent, Ink ink,
                                   std::string_view label, std::string_view s);

// As one word of a shell command.
[[nodiscard]] std::string shell_quote(std::string_view s);

}  // namespace plimsoll::agentctl::render
