// SPDX-License-Identifier: Apache-2.0
#include "core/host/login_defs.hpp"

#include "core/base/text.hpp"
#include "core/host/c_number.hpp"

#include <algorithm>
#include <limits>

namespace plimsoll::host {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view spaces = " \t\n\v\f\r";

}  // namespace

LoginDefs parse_login_defs(std::string_view text, const std::string& path) {
    LoginDefs out;
    int number = 0;
    for (auto line : split_lines(text)) {
        ++number;
        line = line.substr(0, line.find('\0'));
        line = line.substr(0, line.find_last_not_of(spaces) + 1);
        line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
        const auto name_end = line.find_first_of(blanks);
        if (line.starts_with('#') || name_end == std::string_view::npos)
            continue;
        auto value = line.substr(name_end);
        value.remove_prefix(std::min(value.find_first_not_of(" \"\t"), value.size()));
        value = value.substr(0, value.find('"'));
        out.settings[std::string(line.substr(0, name_end))] = {std::string(value),
                                                               path + ":" + std::to_string(number)};
    }
    return out;
}

Result<std::optional<std::uint64_t>> LoginDefs::number(std::string_view name) const {
    const auto it = settings.find(name);
    if (it == settings.end())
        return std::nullopt;
    const Number n = c_number(it->second.value);
    if (!n.ok() || n.value < 0 || n.value > std::numeric_limits<std::uint32_t>::max())
        return fail(Code::invalid_input, it->second.source + ": " + std::string(name) +
                                             " is not a number of an id: " + printable(it->second.value, 60));
    return static_cast<std::uint64_t>(n.value);
}

Result<Range> LoginDefs::range(std::string_view min, std::uint64_t fallback_min, std::string_view max,
                               std::uint64_t fallback_max) const {
    PLIMSOLL_TRY(const auto low, number(min));
    PLIMSOLL_TRY(const auto high, number(max));
    const Range out{low.value_or(fallback_min), high.value_or(fallback_max) + 1};
    if (out.empty())
        return fail(Code::invalid_input, "login.defs: " + std::string(min) + " is above " + std::string(max));
    return out;
}

Result<Range> LoginDefs::system_uids() const {
    PLIMSOLL_TRY(const auto first_regular, number("UID_MIN"));
    const auto below = first_regular.value_or(1000);
    return range("SYS_UID_MIN", 101, "SYS_UID_MAX", below == 0 ? 0 : below - 1);
}

Result<Range> LoginDefs::regular_uids() const {
    return range("UID_MIN", 1000, "UID_MAX", 60000);
}

Result<Range> LoginDefs::subids() const {
    return range("SUB_UID_MIN", 100000, "SUB_UID_MAX", 600100000);
}

Result<LoginDefs> read_login_defs(const Sysroot& root) {
    for (const char* path : {"/etc/login.defs", "/usr/etc/login.defs"}) {
        const auto text = root.read(path);
        if (text)
            return parse_login_defs(*text, path);
        if (text.error().code != Code::not_found)
            return Failure(text.error());
    }
    return LoginDefs{};
}

}  // namespace plimsoll::host
