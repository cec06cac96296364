// SPDX-License-Identifier: Apache-2.0
#include "core/host/name_services.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::host {
namespace {

// The sources of one line of nsswitch.conf without the actions between them; blanks need not separate them.
std::vector<std::string> sources_of(std::string_view list) {
    std::string plain;
    bool action = false;
    for (const char c : list) {
        action = c == '[' || (action && c != ']');
        plain += action || c == ']' ? ' ' : c;
    }
    const auto names = words(plain);
    return {names.begin(), names.end()};
}

}  // namespace

Result<std::vector<NameSource>> read_name_sources(const Sysroot& root) {
    std::vector<NameSource> out;
    const auto text = root.read("/etc/nsswitch.conf");
    if (!text)
        return text.error().code == Code::not_found ? Result<std::vector<NameSource>>(std::move(out))
                                                    : Failure(text.error());
    for (const auto line : split_lines(*text)) {
        const auto entry = line.substr(0, line.find('#'));
        const auto colon = std::min(entry.find(':'), entry.size());
        const auto database = trim(entry.substr(0, colon));
        if (database != "passwd" && database != "group" && database != "initgroups")
            continue;
        for (auto& name : sources_of(entry.substr(std::min(colon + 1, entry.size()))))
            out.push_back({std::string(database), std::move(name)});
    }
    return out;
}

std::string other_userdb(const Sysroot& root, bool members) {
    // These answer from the records, from other sources of nsswitch.conf, or for what is seen elsewhere.
    std::vector<std::string_view> known{"io.systemd.DropIn",      "io.systemd.DynamicUser",
                                        "io.systemd.Home",        "io.systemd.Machine",
                                        "io.systemd.Multiplexer", "io.systemd.NameServiceSwitch"};
    if (members)  // none of the ids that this one gives out is in a group of the host's
        known.emplace_back("io.systemd.NamespaceResource");
    const auto services = root.list("/run/systemd/userdb");
    if (!services && services.error().code != Code::not_found)
        return services.error().message;
    for (const DirEntry& e : services.value_or(std::vector<DirEntry>{}))
        if (std::ranges::find(known, e.name) == known.end())
            return "/run/systemd/userdb/" + e.name + " is a service that may know more users";
    return {};
}

std::string unseen_members(const Sysroot& root) {
    const auto sources = read_name_sources(root);
    if (!sources)
        return sources.error().message;
    return std::ranges::find(*sources, "systemd", &NameSource::name) != sources->end()
               ? other_userdb(root, true)
               : std::string();
}

}  // namespace plimsoll::host
