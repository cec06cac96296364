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

// Whether what every runtime covers is covered: no kernel is without /proc/keys and /proc/kcore at once.
bool has_masks(const std::vector<host::Mount>& mounts) {
    return std::ranges::any_of(mounts, [](const host::Mount& m) {
        return is_mask(m) && (m.point == "/proc/kcore" || m.point == "/proc/keys");
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

bool is_network_setting(const host::Mount& m) {
    return host::is_within(m.root, "/sys/net") && m.point == "/proc" + m.root;
}

std::optional<std::string> broken_mask(const std::vector<host::Mount>& mounts) {
    for (const auto& m : mounts) {
        const bool covers = std::ranges::find(masked, m.point) != masked.end();
        const bool hole = (m.type == "proc" && (covers || (m.root != "/" && !is_network_setting(m)))) ||
                          (m.type == "sysfs" && covers);
        if (hole && !m.read_only)
            return m.type + " " + printable(m.root, 60) + " at " + printable(m.point, 60) + ", writable";
    }
    return std::nullopt;
}

Fingerprint fingerprint(const Case& c, const Member& member) {
    Fingerprint out;
    const auto add = [&](bool sign, std::string what) {
        if (sign)
            out.signs.push_back(std::move(what));
    };
    const host::Process& p = member.process;
    const std::uint64_t all = c.host.all_capabilities;
    if (!p.capabilities || all == 0)
        out.unknown.emplace_back("capabilities");
    else
        add((p.capabilities->bounding & all) == all, "every capability");
    if (!p.seccomp)
        out.unknown.emplace_back("filter");
    else
        add(*p.seccomp == 0, "no filter");
    // EINVAL: no module of this kernel labels processes.
    if (!member.label && member.label.error().sys_errno != EINVAL && c.host.labels_processes)
        out.unknown.emplace_back("label");
    add(is_label_unconfined(member.label), "no confining label");
    const View* view = c.container().view_of(member);
    if (view == nullptr || !view->mounts) {
        out.unknown.emplace_back("mounts");
    } else {
        add(!has_masks(*view->mounts), "no masked paths");
        add(!sys_is_read_only(*view->mounts) || !proc_sys_is_read_only(*view->mounts),
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
