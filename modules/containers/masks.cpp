// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/masks.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::containers {
namespace {

// What runc, crun and the engines' defaults cover with /dev/null or an empty tmpfs.
constexpr std::array<std::string_view, 12> masked{
    "/proc/acpi",       "/proc/kcore",       "/proc/keys",        "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/asound",     "/proc/interrupts",  "/sys/firmware",     "/sys/devices/virtual/powercap"};

bool is_mask(const host::Mount& m) {
    return m.type == "tmpfs" || m.type == "devtmpfs" || m.type == "ramfs";
}

bool has_masks(const std::vector<host::Mount>& mounts) {
    return std::ranges::any_of(mounts, [](const host::Mount& m) {
        return is_mask(m) && std::ranges::find(masked, m.point) != masked.end();
    });
}

bool sys_is_read_only(const std::vector<host::Mount>& mounts) {
    const auto* m = host::mount_at(mounts, "/sys");
    return m == nullptr || m->type != "sysfs" || m->read_only;
}

bool proc_sys_is_read_only(const std::vector<host::Mount>& mounts) {
    const auto* m = host::mount_at(mounts, "/proc/sys");
    return m != nullptr && m->read_only;
}

bool is_label_unconfined(const Result<std::string>& label) {
    return label && (*label == "unconfined" || label->ends_with(" (unconfined)") ||
                     label->find(":spc_t:") != std::string::npos ||
                     label->find(":unconfined_t:") != std::string::npos);
}

}  // namespace

std::optional<std::string> broken_mask(const std::vector<host::Mount>& mounts) {
    for (const auto& m : mounts) {
        const bool covers = std::ranges::find(masked, m.point) != masked.end();
        if (covers && !m.read_only && (m.type == "proc" || m.type == "sysfs"))
            return m.type + " " + printable(m.root, 60) + " at " + printable(m.point, 60) + ", writable";
    }
    return std::nullopt;
}

Fingerprint fingerprint(const Case& c) {
    Fingerprint out;
    const Container& container = c.container();
    const auto add = [&](bool sign, std::string what) {
        if (sign)
            out.signs.push_back(std::move(what));
    };
    if (!container.members.empty()) {
        const host::Process& p = container.members.front().process;
        const std::uint64_t all = c.host.all_capabilities;
        if (!p.capabilities || all == 0)
            out.unknown.emplace_back("capabilities");
        else
            add((p.capabilities->bounding & all) == all, "every capability");
        if (!p.seccomp)
            out.unknown.emplace_back("filter");
        else
            add(*p.seccomp == 0, "no filter");
        if (const auto it = c.seen.labels.find(p.pid); it != c.seen.labels.end())
            add(is_label_unconfined(it->second), "no confining label");
    }
    if (container.mounts) {
        add(!has_masks(*container.mounts), "no masked paths");
        add(!sys_is_read_only(*container.mounts) || !proc_sys_is_read_only(*container.mounts),
            "writable /sys or /proc/sys");
    }
    if (!c.seen.devices)
        out.unknown.emplace_back("devices");
    else
        add(std::ranges::any_of(c.seen.devices->nodes,
                                [](const auto& d) { return d.block || (d.major == 1 && d.minor <= 2); }),
            "the host's devices");
    return out;
}

}  // namespace plimsoll::modules::containers
