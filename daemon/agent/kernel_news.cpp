// SPDX-License-Identifier: Apache-2.0
// What the kernel tells the agent besides events of files. Each is better than waiting for the full pass, and
// none is a condition of anything.
#include "core/base/text.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/messages.hpp"
#include "modules/containers/engine_labels.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace plimsoll::daemon {
namespace {

// Of the same denial; and so many of them are told one by one meanwhile.
constexpr std::chrono::minutes pause_between_denials{1};
constexpr std::size_t most_told_denials{64};

// Of "pid 7" and "/proc/7/exe", as evidence names its source.
std::optional<int> process_of(std::string_view source) {
    static constexpr std::array<std::string_view, 2> prefixes{"pid ", "/proc/"};
    for (const auto prefix : prefixes) {
        if (!source.starts_with(prefix))
            continue;
        int pid = 0;
        const auto rest = source.substr(prefix.size());
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), pid);
        const bool whole = end == rest.data() + rest.size() || *end == '/' || *end == ' ' || *end == ',';
        if (error == std::errc() && pid > 0 && whole)
            return pid;
    }
    return std::nullopt;
}

}  // namespace

Groups Agent::State::containers_group() const {
    return looking.group_of("ctr.found");
}

void Agent::State::listen_to_kernel() {
    if (!host.live())
        return;
    watch_starts();
    process_ends.emplace(loop, [this](int pid, Groups groups) {
        on_event({groups, "event end of " + std::to_string(pid), false});
    });
    watch_knobs();
    mac_changes.emplace(loop, host.root(), [this](const MacChanges::Told& told) {
        if (watcher)
            on_event({watcher->looked_at(told.directory) | containers_group(), told.cause, told.lost});
    });
    say_unheard_mac();
    auto heard = Denials::make(
        loop, host.root(), std::move(options.audit),
        [this](const Denial& denial, std::optional<bool> own_mounts) { on_denial(denial, own_mounts); });
    if (heard)
        denials.emplace(*std::move(heard));
    else
        say(Level::info, "what containers are denied cannot be told: " + heard.error().message);
}

void Agent::State::say_unheard_mac() {
    const host::Sysroot::Unrecorded aside(host.root());
    const auto unheard = [&](std::string_view directory, bool heard, std::string_view whose) {
        if (!heard && host.root().exists(directory))
            say(Level::info, "changes of " + std::string(whose) + " are left to the full pass");
    };
    unheard(MacChanges::apparmor, mac_changes->hears_apparmor(), "AppArmor's profiles");
    unheard(MacChanges::selinux, mac_changes->hears_selinux(), "SELinux's mode and policy");
}

void Agent::State::watch_knobs() {
    auto hears = KnobWrites::make(loop, host.root(), [this](const std::string& path, bool lost) {
        if (const Groups groups = watcher ? watcher->looked_at(path) : 0; groups != 0)
            on_event({groups, "event " + printable(path), lost});
    });
    if (hears)
        knob_writes.emplace(*std::move(hears));
    else
        say(Level::info, "writes to /proc/sys through other mounts of it are left to the full pass: " +
                             hears.error().message);
}

void Agent::State::on_denial(const Denial& denial, std::optional<bool> own_mounts) {
    using namespace modules::containers;
    const bool engines = denial.by == Denial::By::selinux ? is_container_domain(selinux_type(denial.label))
                                                          : is_container_profile(denial.label);
    if (!own_mounts.value_or(false) && !engines)
        return;
    const auto by = static_cast<std::size_t>(denial.by);
    ++counters.denials.at(by);
    const std::string who = printable(denial.comm) + " (pid " + std::to_string(denial.pid) +
                            (denial.label.empty() ? ")" : ", " + printable(denial.label) + ")");
    const std::string what = printable(denial.what);
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(told_denials, [&](const auto& told) { return told.second + pause_between_denials < now; });
    if (told_denials.size() >= most_told_denials ||
        !told_denials.emplace(std::string(denied_by.at(by)) + " " + printable(denial.comm) + " " + what, now)
             .second)
        return;
    say(Level::notice, std::string(denied_by.at(by)) + " denied " + who + ": " + what,
        {messages::denied, {{"BY", std::string(denied_by.at(by))}, {"WHO", who}, {"WHAT", what}}});
}

void Agent::State::watch_starts() {
    const Groups group = containers_group();
    if (group != 0)
        starts.emplace(loop, host.root(), [this, group](const Starts::Told& told) {
            on_event(
                {group | (told.engine && watcher ? watcher->listed("/proc") : 0), told.cause, told.lost});
        });
}

void Agent::State::follow_processes() {
    if (!process_ends)
        return;
    std::map<int, Groups> all;
    for (const Tracked& t : board.findings)
        for (const auto& e : t.finding.evidence)
            if (const auto pid = process_of(e.source))
                all[*pid] |= looking.group_of(t.finding.control);
    process_ends->follow(all);
}

void Agent::processes_changed(const std::string& cause) {
    if (state_->watcher)
        state_->on_event({state_->watcher->listed("/proc"), cause, false});
}

}  // namespace plimsoll::daemon
