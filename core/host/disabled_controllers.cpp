// SPDX-License-Identifier: Apache-2.0
#include "core/host/disabled_controllers.hpp"

#include "core/base/text.hpp"

namespace plimsoll::host {
namespace {

constexpr std::string_view suffix = ".slice";

// Where systemd puts an instance of user@.service that does not say where it belongs.
constexpr std::string_view default_slice = "system-user.slice";

// The slice of the service, with the instance in the place of "%i"; for all users an empty one, so that
// "user-.slice" stands for each of theirs.
Result<std::string> slice_of(const UnitFile& service, std::optional<std::uint32_t> uid) {
    const auto settings = service.values("Service", "Slice");
    if (settings.empty())
        return std::string(default_slice);
    std::string out = settings.back().value;
    if (const auto at = out.find("%i"); at != std::string::npos)
        out.replace(at, 2, uid ? std::to_string(*uid) : "");
    if (out.find('%') != std::string::npos || out.size() <= suffix.size() || !out.ends_with(suffix))
        return fail(Code::unsupported,
                    settings.back().source + ": which slices " + printable(out, 80) + " is in, is not known");
    return out;
}

}  // namespace

std::vector<std::string> slices_down_to(std::string_view slice) {
    std::vector<std::string> out{"-.slice"};
    const auto stem = slice.substr(0, slice.size() - suffix.size());
    if (stem == "-")
        return out;
    for (auto dash = stem.find('-'); dash != std::string_view::npos; dash = stem.find('-', dash + 1))
        out.push_back(std::string(stem.substr(0, dash)) + std::string(suffix));
    out.emplace_back(slice);
    return out;
}

void add_disabled(const UnitFile& unit, DisabledControllers& into) {
    const std::string_view section = unit.name.ends_with(suffix) ? "Slice" : "Service";
    for (const UnitSetting& s : unit.values(section, "DisableControllers"))
        for (const auto controller : words(s.value))
            into.by_name.try_emplace(std::string(controller), s.source);
}

DisabledControllers disabled_controllers(const Host& host, const UnitFile& service,
                                         std::optional<std::uint32_t> uid) {
    DisabledControllers out;
    const auto slice = slice_of(service, uid);
    if (!slice)
        out.problems.push_back(slice.error());
    for (const auto& name : slice ? slices_down_to(*slice) : std::vector<std::string>{}) {
        const auto& unit = host.unit(name);
        if (!unit)
            out.problems.push_back(unit.error());
        else if (*unit)
            add_disabled(**unit, out);
    }
    add_disabled(service, out);
    return out;
}

}  // namespace plimsoll::host
