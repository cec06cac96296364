// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/remap.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

// Entries of the user by name and by number, as dockerd looks them up.
Result<std::vector<RemapRange>> ranges_of(const host::Sysroot& root, const std::string& path,
                                          const Remap& remap) {
    std::vector<RemapRange> out;
    const auto text = root.read(path);
    if (!text) {
        if (text.error().code == Code::not_found)
            return out;
        return Failure(text.error());
    }
    const auto file = host::parse_subid(*text, path);
    const std::string number = remap.uid ? std::to_string(*remap.uid) : "";
    for (const auto& line : file.lines)
        if (const auto& e = line.in(host::SubidView::moby);
            e && (e->owner == remap.user || e->owner == number))
            out.push_back({path + ":" + std::to_string(line.number), printable(line.text, 80),
                           host::handed_out(*e, host::SubidView::moby)});
    return out;
}

Result<void> resolve(const host::Host& host, Remap& remap) {
    const auto& accounts = host.accounts();
    if (!accounts)
        return Failure(accounts.error());
    const std::string first = remap.value.substr(0, remap.value.find(':'));
    remap.user = first == "default" ? "dockremap" : first;
    const auto number = parse_u64(first);
    const host::User* user = number && *number <= UINT32_MAX
                                 ? accounts->user(static_cast<std::uint32_t>(*number))
                                 : accounts->user(remap.user);
    if (user != nullptr) {
        remap.user = user->name;
        remap.uid = user->uid;
    }
    PLIMSOLL_TRY(remap.subuid, ranges_of(host.root(), "/etc/subuid", remap));
    PLIMSOLL_TRY(remap.subgid, ranges_of(host.root(), "/etc/subgid", remap));
    return {};
}

}  // namespace

Remap read_remap(const host::Host& host, const DockerConfig& docker) {
    Remap out;
    if (const Value* v = docker.json.find("userns-remap"); v != nullptr) {
        out.source = docker.json.place("userns-remap");
        if (v->string() != nullptr)
            out.value = *v->string();
        else
            out.refused = "userns-remap is " + std::string(v->type_name());
    }
    for (const auto& f : docker.flags)
        if (f.key == "userns-remap" && !f.value.empty()) {
            out.value = f.value;
            out.source = f.source;
        }
    if (std::ranges::count(out.value, ':') > 1)
        out.refused = "userns-remap: " + printable(out.value, 60);
    if (out.value.empty())
        return out;
    if (auto r = resolve(host, out); !r)
        out.problem = r.error();
    return out;
}

}  // namespace plimsoll::modules::rootless
