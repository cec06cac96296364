// SPDX-License-Identifier: Apache-2.0
// A14-A16: where ranges come from, and the programs that act on them.
#include "core/base/text.hpp"
#include "modules/subuid/judge.hpp"

#include <algorithm>

#include <linux/capability.h>
#include <sys/stat.h>

namespace plimsoll::modules::subuid {

using policy::Evidence;
using policy::Severity;
using policy::Status;

namespace {

// What others than root can do about a file that runs with privilege, or that those load who have it.
std::vector<Evidence> writers_of(const Helper& h) {
    std::vector<Evidence> out;
    if (h.state.uid != 0)
        out.push_back({h.path, "owner " + std::to_string(h.state.uid), "owner root"});
    if ((h.state.mode & 0022U) != 0)
        out.push_back({h.path, "others may write it", "only root may write it"});
    for (const auto& [directory, state] : h.way)
        if (others_rule(state))
            out.push_back(
                {printable(directory), "others may replace what is in it", "only root may write it"});
    return out;
}

void judge_plugin(const Helper& plugin, Verdict& v) {
    auto faults = writers_of(plugin);
    if ((plugin.state.mode & S_IROTH) == 0)
        faults.push_back({plugin.path, "not readable by everybody", "readable by everybody"});
    if (!faults.empty())
        v.fail(plugin.path, plugin.path + " is not root's alone, or not for everybody", std::move(faults),
               by_hand("reinstall the package that ships " + plugin.path));
}

// The plugin asks sssd; without an answer nobody has a range.
std::vector<Evidence> sssd_state(const Context& c, Verdict& v) {
    if (!c.facts.live)
        return {};
    if (!c.facts.processes) {
        v.unknown("sssd", c.facts.processes.error().message);
        return {};
    }
    const auto sssd = std::ranges::find(*c.facts.processes, "sssd", &host::Process::comm);
    if (sssd != c.facts.processes->end())
        return {{"pid " + std::to_string(sssd->pid), "sssd is running", ""}};
    v.fail("sssd", "sssd, which the source of subordinate ids asks, is not running",
           {{"/proc", "no sssd", "sssd"}}, by_hand("start sssd.service, and find out why it ended"),
           Severity::medium);
    return {};
}

}  // namespace

Findings judge_nss_source(const Context& c) {
    Verdict v("subuid.nss-source");
    if (!c.facts.nss) {
        v.unknown("/etc/nsswitch.conf", c.facts.nss.error().message);
        return std::move(v).finish(Status::unknown, "");
    }
    const auto& nss = *c.facts.nss;
    const std::string token = printable(nss.token, 60);
    const std::string& expected = c.params.nss_source;
    if (nss.token != expected)
        v.fail("host", "subordinate ids come from \"" + token + "\"", {{nss.source, token, expected}},
               by_hand("write `subid: " + printable(expected, 60) + "` into /etc/nsswitch.conf, or name \"" +
                       token + "\" in the policy"));
    if (nss.token != "files" && !nss.plugin_found)
        v.fail("plugin",
               "libsubid_" + token + ".so cannot be loaded, so /etc/subuid and /etc/subgid are used instead",
               {{nss.source, "no shared object libsubid_" + token + ".so", "the plugin of this source"}},
               by_hand("install the package that ships libsubid_" + token + ".so"));
    if (nss.plugin)
        judge_plugin(*nss.plugin, v);
    const auto sssd = nss.token == "sss" ? sssd_state(c, v) : std::vector<Evidence>{};
    if (nss.token != "files")
        for (const IdKind kind : id_kinds) {
            const auto& file = c.facts.files[index_of(kind)];
            if (!file)
                v.unknown(path_of(kind), file.error().message);
            else if (const auto& lines = file->content.lines; !lines.empty())
                v.fail(path_of(kind),
                       "entries in " + path_of(kind) + " come into force when the plugin fails",
                       {{path_of(kind) + ":" + std::to_string(lines.front().number),
                         std::to_string(lines.size()) + " lines", "none"}},
                       by_hand("empty " + path_of(kind) + " when nobody needs its ranges"));
        }
    return std::move(v).finish(Status::pass, "subordinate ids come from \"" + token + "\", as expected",
                               sssd);
}

namespace {

RangeSet held(const Context& c, IdKind kind, const Owner* owner) {
    RangeSet out;
    for (const Grant& g : c.grants[index_of(kind)])
        if (&c.owners[g.owner] == owner && (g.views & shadow_bit) != 0)
            out.add(g.ids);
    return out;
}

std::string containers_fix(const std::string& user) {
    return "create the account with a sysusers.d line `u " + user +
           " - \"userns=auto ranges\"`, then give it ids "
           "that nobody else has with `usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST " +
           user + "`";
}

}  // namespace

Findings judge_containers_user(const Context& c) {
    Verdict v("subuid.containers-user");
    c.note_gaps(v);
    if (!c.facts.containers_user && c.params.containers_owner.empty()) {
        v.unknown("storage.conf", c.facts.containers_user.error().message);
        return std::move(v).finish(Status::unknown, "");
    }
    const std::string user =
        c.params.containers_owner.empty() ? *c.facts.containers_user : c.params.containers_owner;
    const std::string label = printable(user, 60);
    const Owner* owner = c.owner_named(user);
    if (owner == nullptr && !c.params.containers_required)
        return std::move(v).finish(Status::not_applicable, "there is no range for " + label +
                                                               ", and the policy does not ask for one");
    const auto min = static_cast<std::uint64_t>(c.params.containers_min);
    std::vector<Evidence> evidence;
    for (const IdKind kind : id_kinds) {
        const auto size = held(c, kind, owner).size();
        if (c.readable(kind) && size < min)
            evidence.push_back({path_of(kind), std::to_string(size) + " ids for " + label,
                                "at least " + std::to_string(min)});
    }
    if (!evidence.empty())
        v.fail(label, "userns=auto has too few ids for rootful containers", std::move(evidence),
               by_hand(containers_fix(label)));
    const bool no_account = owner != nullptr && !owner->uid;
    if (no_account && !c.facts.accounts)
        v.unknown(label + " account", c.facts.accounts.error().message);
    else if (no_account && c.remote_accounts())
        v.unknown(label + " account", "no local account; other sources of accounts cannot be asked here");
    else if (no_account)
        v.fail(
            label + " account",
            "the account " + label + " does not exist; from shadow 4.20 on its ranges then count for nothing",
            {{"/etc/passwd", "no account " + label, "an account " + label}}, by_hand(containers_fix(label)),
            Severity::low);
    return std::move(v).finish(Status::pass, label + " has ranges for rootful containers with userns=auto");
}

namespace {

// The permitted capabilities of a security.capability attribute, when it also makes them effective
// (linux/capability.h, struct vfs_cap_data); nullopt: not such an attribute.
std::optional<std::uint64_t> effective_capabilities(std::string_view raw) {
    const auto word = [&](std::size_t i) {
        std::uint32_t v = 0;
        for (std::size_t b = 0; b < 4; ++b)
            v |= static_cast<std::uint32_t>(static_cast<unsigned char>(raw[i * 4 + b])) << (8 * b);
        return v;
    };
    if (raw.size() != XATTR_CAPS_SZ_2 && raw.size() != XATTR_CAPS_SZ_3)
        return std::nullopt;
    // Those of another namespace's root are none on the host.
    if (raw.size() == XATTR_CAPS_SZ_3 && word(XATTR_CAPS_SZ_3 / 4 - 1) != 0)
        return std::nullopt;
    const auto magic = word(0);
    const auto revision = magic & VFS_CAP_REVISION_MASK;
    if ((revision != VFS_CAP_REVISION_2 && revision != VFS_CAP_REVISION_3) ||
        (magic & VFS_CAP_FLAGS_EFFECTIVE) == 0)
        return std::nullopt;
    return word(1) | (std::uint64_t{word(3)} << 32U);
}

struct HelperKind {
    std::string_view name;
    unsigned capability;
    std::string_view capability_name;
};

constexpr std::array<HelperKind, 2> helper_kinds{
    {{"newuidmap", CAP_SETUID, "cap_setuid=ep"}, {"newgidmap", CAP_SETGID, "cap_setgid=ep"}}};

bool privileged(const Helper& h) {
    return (h.state.mode & S_ISUID) != 0 || h.capability;
}

// What is wrong with the helper that is used; empty: nothing.
std::vector<Evidence> helper_faults(const Helper& h, const HelperKind& kind) {
    const std::string either = "setuid root or " + std::string(kind.capability_name) + ", not both";
    auto out = writers_of(h);
    if ((h.state.mode & S_IXOTH) == 0)
        out.push_back({h.path, "not executable by everybody", "executable by everybody"});
    const bool setuid = (h.state.mode & S_ISUID) != 0;
    if (setuid && h.capability)
        out.push_back({h.path, "setuid and file capabilities", either});
    if (!setuid && !h.capability)
        out.push_back({h.path, "no privilege", either});
    if (h.capability && effective_capabilities(*h.capability) != std::uint64_t{1} << kind.capability)
        out.push_back({h.path, "other file capabilities", std::string(kind.capability_name)});
    if (h.nosuid)
        out.push_back({h.path, "its filesystem is mounted nosuid", "privilege on execution"});
    return out;
}

// Somebody on this host depends on the helpers.
bool rootless_wanted(const Context& c) {
    return !c.empty() || !c.wanted.tenants.empty() || !c.params.users.empty() ||
           (c.facts.rootless_users && !c.facts.rootless_users->empty());
}

void judge_helper(const Context& c, const HelperKind& kind, Verdict& v) {
    const auto it = c.facts.helpers.find(std::string(kind.name));
    const auto& found = it == c.facts.helpers.end() ? std::vector<Result<Helper>>{} : it->second;
    const std::string name(kind.name);
    const std::string reinstall = "reinstall the package that ships " + name +
                                  " (Debian: uidmap); on an immutable host go back to a good image";
    for (const auto& h : found)
        if (!h)
            v.unknown(name, h.error().message);
    if (found.empty() && rootless_wanted(c))
        v.fail(
            name, name + " is missing, so rootless containers get a single id",
            {{"/usr/bin/" + name, "no such program", "setuid root or " + std::string(kind.capability_name)}},
            by_hand("install the package that ships " + name + " (Debian: uidmap)"));
    bool first = true;
    for (const auto& h : found) {
        if (!h)
            continue;
        auto faults = first ? helper_faults(*h, kind) : std::vector<Evidence>{};
        if (!first && privileged(*h))
            faults.push_back({h->path, "a second privileged copy", "one copy"});
        if (!faults.empty())
            v.fail(h->path,
                   first ? h->path + " does not have exactly its privilege"
                         : h->path + " is a second privileged copy of " + name,
                   std::move(faults),
                   by_hand(first ? reinstall : "find out where " + h->path + " comes from and remove it"));
        first = false;
    }
}

// A copy with host privilege does what the helper does, whatever becomes of the helper itself.
void judge_copies(const Context& c, Verdict& v) {
    const HelperCopies& copies = c.facts.helper_copies;
    for (const Helper& h : copies.found) {
        const bool setuid_root = (h.state.mode & S_ISUID) != 0 && h.state.uid == 0;
        if ((setuid_root || h.capability) && !h.nosuid)
            v.fail(h.path, printable(h.path) + " is a second privileged copy",
                   {{printable(h.path), setuid_root ? "setuid root" : "file capabilities", "no privilege"}},
                   by_hand("find out where " + printable(h.path) + " comes from and remove it"));
    }
    for (const auto& problem : copies.unseen)
        v.unknown("copies", problem);
}

// Where the search below /usr/local, /home and the like did not look.
std::vector<Evidence> gaps_of(const Context& c) {
    const HelperCopies& copies = c.facts.helper_copies;
    std::vector<Evidence> out;
    for (const auto& place : copies.unfinished)
        out.push_back({place,
                       "not searched to its end for copies: more than " +
                           std::to_string(c.params.helper_max_entries) + " entries (max_entries)",
                       ""});
    for (const auto& problem : copies.problems)
        out.push_back({"copies", problem, ""});
    return out;
}

}  // namespace

Findings judge_idmap_helpers(const Context& c) {
    Verdict v("subuid.idmap-helpers");
    for (const auto& kind : helper_kinds)
        judge_helper(c, kind, v);
    judge_copies(c, v);
    auto gaps = gaps_of(c);
    if (c.params.helper_search_complete)
        for (const Evidence& gap : gaps)
            v.unknown("copies", gap.source == "copies" ? gap.found : gap.source + ": " + gap.found);
    const bool none = std::ranges::all_of(c.facts.helpers, [](const auto& h) { return h.second.empty(); });
    std::string message = none ? "newuidmap is not installed, and nobody has a range"
                               : "newuidmap and newgidmap have exactly their privilege";
    if (!gaps.empty())
        message += "; for copies outside of every PATH only a part was searched";
    return std::move(v).finish(none ? Status::not_applicable : Status::pass, message, std::move(gaps));
}

}  // namespace plimsoll::modules::subuid
