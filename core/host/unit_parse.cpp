// SPDX-License-Identifier: Apache-2.0
// The syntax of unit files, and what a unit's settings say together.
#include "core/base/text.hpp"
#include "core/host/unit_files.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::host {
namespace {

bool continues(std::string_view line) {
    std::size_t backslashes = 0;
    while (backslashes < line.size() && line[line.size() - 1 - backslashes] == '\\')
        ++backslashes;
    return backslashes % 2 == 1;
}

// Turns whole (joined) lines into settings.
class UnitParser {
  public:
    explicit UnitParser(const std::string& path) : path_(path) {}

    void line(std::string_view whole, int number) {
        const auto text = trim(whole);
        if (text.empty())
            return;
        if (text.front() == '[') {
            section_ = text.back() == ']' ? std::string(text.substr(1, text.size() - 2)) : std::string();
            return;
        }
        const auto eq = text.find('=');
        if (eq == std::string_view::npos || section_.empty())
            return;
        out_.push_back({section_, std::string(trim(text.substr(0, eq))),
                        std::string(trim(text.substr(eq + 1))), path_ + ":" + std::to_string(number)});
    }

    std::vector<UnitSetting> take() { return std::move(out_); }

  private:
    const std::string& path_;
    std::string section_;
    std::vector<UnitSetting> out_;
};

}  // namespace

std::vector<UnitSetting> parse_unit(std::string_view text, const std::string& path) {
    if (text.starts_with("\xef\xbb\xbf"))
        text.remove_prefix(3);
    UnitParser parser(path);
    std::string joined;
    int number = 0;
    int begun = 0;
    for (const auto raw : split_lines(text)) {
        ++number;
        const auto start = raw.find_first_not_of(" \t\r");
        auto line = start == std::string_view::npos ? std::string_view() : raw.substr(start);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        // Comments are dropped also in the midst of a continued line.
        if (!line.empty() && (line.front() == '#' || line.front() == ';'))
            continue;
        if (joined.empty())
            begun = number;
        if (continues(line)) {
            joined.append(line.substr(0, line.size() - 1));
            joined += ' ';
            continue;
        }
        joined += line;
        parser.line(joined, begun);
        joined.clear();
    }
    parser.line(joined, begun);
    return parser.take();
}

std::vector<UnitSetting> UnitFile::values(std::string_view section, std::string_view key) const {
    std::vector<UnitSetting> out;
    for (const UnitSetting& s : settings) {
        if (s.section != section || s.key != key)
            continue;
        if (s.value.empty())
            out.clear();
        else
            out.push_back(s);
    }
    return out;
}

// systemd.unit(5), systemd.timer(5), systemd.path(5), systemd.socket(5). Timers, paths and sockets start the
// service of their own name unless they name another.
std::optional<UnitSetting> UnitFile::pull_of(std::string_view other) const {
    struct Key {
        std::string_view section;
        std::string_view key;
    };

    static constexpr std::array<Key, 9> keys{{{"Unit", "Wants"},
                                              {"Unit", "Requires"},
                                              {"Unit", "BindsTo"},
                                              {"Unit", "Upholds"},
                                              {"Unit", "OnSuccess"},
                                              {"Service", "Sockets"},
                                              {"Timer", "Unit"},
                                              {"Path", "Unit"},
                                              {"Socket", "Service"}}};
    for (const auto& [section, key] : keys)
        for (UnitSetting& s : values(section, key))
            if (const auto named = words(s.value); std::ranges::find(named, other) != named.end())
                return std::move(s);
    const auto dot = name.rfind('.');
    const std::string_view suffix = std::string_view(name).substr(std::min(dot, name.size()));
    const bool timer = suffix == ".timer";
    if (!timer && suffix != ".path" && suffix != ".socket")
        return std::nullopt;
    const auto named =
        suffix == ".socket" ? values("Socket", "Service") : values(timer ? "Timer" : "Path", "Unit");
    if (!named.empty() || other != name.substr(0, dot) + ".service")
        return std::nullopt;
    return UnitSetting{"", "", std::string(other), fragment};
}

std::string_view UnitFile::enablement() const {
    if (masked)
        return "masked";
    if (!enabled_by.empty())
        return "enabled";
    const bool installable =
        std::ranges::any_of(settings, [](const UnitSetting& s) { return s.section == "Install"; });
    return installable ? "disabled" : "static";
}

}  // namespace plimsoll::host
