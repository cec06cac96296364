// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/diff.hpp"

namespace plimsoll::agentctl::render {

std::vector<std::string> unified_diff(const std::string& path, const std::optional<std::string>& before,
                                      const std::optional<std::string>& after) {
    return plimsoll::unified_diff(path, before, after, safe);
}

std::string diff_text(const std::vector<std::string>& lines, std::string_view indent, const Style& style) {
    std::string out;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const char kind = lines[i].front();
        const Ink ink = i < 2         ? Ink::bold
                        : kind == '-' ? Ink::red
                        : kind == '+' ? Ink::green
                        : kind == '@' ? Ink::cyan
                                      : Ink::plain;
        out += std::string(indent) + paint(style, ink, lines[i]) + "\n";
    }
    return out;
}

}  // namespace plimsoll::agentctl::render
