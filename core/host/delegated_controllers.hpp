// SPDX-License-Identifier: Apache-2.0
// What a unit's Delegate= settings come to (systemd.resource-control(5)): a list adds, "yes" is all, an empty
// value or "no" takes all away.
#pragma once
#include "core/base/text.hpp"
#include "core/host/unit_files.hpp"

#include <algorithm>
#include <array>
#include <ranges>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

struct DelegatedControllers {
    bool all{false};
    std::set<std::string, std::less<>> controllers{};
    std::string source{};  // of the last setting; empty: there is none

    void apply(std::string_view value) {
        static constexpr std::array<std::string_view, 6> yes{"1", "yes", "y", "true", "t", "on"};
        static constexpr std::array<std::string_view, 6> no{"0", "no", "n", "false", "f", "off"};
        std::string word(trim(value));  // systemd reads booleans whatever their case
        std::ranges::transform(word, word.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        if (std::ranges::find(yes, std::string_view(word)) != yes.end()) {
            all = true;
        } else if (word.empty() || std::ranges::find(no, std::string_view(word)) != no.end()) {
            all = false;
            controllers.clear();
        } else {
            for (const auto c : words(value))
                controllers.emplace(c);
        }
    }

    [[nodiscard]] std::vector<std::string> lacking(const std::ranges::input_range auto& wanted) const {
        std::vector<std::string> out;
        for (const auto& c : wanted)
            if (!all && !controllers.contains(c))
                out.push_back(c);
        return out;
    }
};

// In the order in which systemd reads them.
[[nodiscard]] inline DelegatedControllers delegated_controllers(const UnitFile& unit) {
    DelegatedControllers out;
    for (const UnitSetting& s : unit.settings)
        if (s.section == "Service" && s.key == "Delegate") {
            out.apply(s.value);
            out.source = s.source;
        }
    return out;
}

}  // namespace plimsoll::host
