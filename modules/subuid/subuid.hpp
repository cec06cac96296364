// SPDX-License-Identifier: Apache-2.0
// Subordinate ids: who may map which host ids into a user namespace, and whether that is safe (A01-A19).
#pragma once
#include "core/host/host.hpp"
#include "core/host/login_defs.hpp"
#include "core/host/subid.hpp"
#include "core/policy/module.hpp"
#include "modules/subuid/labels.hpp"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace plimsoll::modules::subuid {

struct Params {
    std::string nspawn_range{"in-use"};         // reserved-overlap
    std::int64_t min_size{65536};               // min-size
    std::vector<std::string> users{};           // missing
    bool discover{true};                        // missing
    bool only_named{false};                     // missing
    std::vector<std::string> allowed_owners{};  // stale-owner
    std::string nss_source{"files"};            // nss-source
    std::string containers_owner{};             // containers-user
    bool containers_required{false};            // containers-user
    std::int64_t containers_min{65536};         // containers-user
    std::int64_t alloc_min_start{100000};       // alloc-policy
    std::int64_t alloc_min_count{65536};        // alloc-policy
    std::int64_t helper_max_entries{5000};      // idmap-helpers
    bool helper_search_complete{false};         // idmap-helpers
    std::int64_t scan_max_entries{20000};       // foreign-scan
};

enum class IdKind { uid, gid };
inline constexpr std::array<IdKind, 2> id_kinds{IdKind::uid, IdKind::gid};

struct IdFile {
    bool present{false};
    host::SubidFile content{};
};

struct FileState {  // of an existing file, not followed when it is a symlink
    std::uint32_t mode{0};
    std::uint32_t uid{0};
    std::uint32_t gid{0};
    std::uint64_t links{1};
    bool acl_writers{false};  // an access ACL lets a named user or group write
};

struct RealId {  // an id that somebody on this host really has
    std::uint64_t id{0};
    std::string who;     // "user bob", "group adm", "a process"
    std::string source;  // "/etc/passwd:12", "pid 812", "/home/bob"
    bool operator==(const RealId&) const = default;
};

struct Helper {  // newuidmap or newgidmap as the user manager's PATH finds it, or what else acts on ranges
    std::string path;
    FileState state{};
    // The directories that lead to one in a PATH.
    std::vector<std::pair<std::string, FileState>> way{};
    std::optional<std::string> capability{};  // raw security.capability
    bool nosuid{false};                       // the filesystem ignores setuid and file capabilities
};

struct SubidSource {  // nsswitch.conf(5), line "subid:"
    std::string token{"files"};
    std::string source{"/etc/nsswitch.conf"};
    bool plugin_found{true};  // libsubid_TOKEN.so can be loaded; always true for "files"
    std::optional<Helper> plugin{};
};

struct AllocDefs {
    std::string base;  // path of the base file; empty: there is none
    bool base_is_link{false};
    std::string base_text;
    host::LoginDefs defs{};                 // of the base file
    std::vector<host::LoginDefs> drop_ins;  // login.defs.d, in order; only builds with libeconf read them
};

struct HelperCopies {  // outside of the PATHs
    std::vector<Helper> found{};
    std::vector<std::string> unseen{};  // copies that could not be examined
    // Of the search below places where programs may be: where the budget ended it, and what could not be
    // listed.
    std::vector<std::string> unfinished{};
    std::vector<std::string> problems{};
};

struct StoredIds {  // what one storage directory holds
    enum class Whose {
        user,      // of a rootless engine
        nobody,    // the same, in a home that is no account's
        root,      // of a rootful engine
        remapped,  // dockerd's for one remap user; it is called by the ids of its root
    };
    std::string user;  // empty: no user's
    std::string directory;
    Whose whose{Whose::user};
    std::map<std::uint32_t, std::string> uids{};  // owner -> one path
    std::map<std::uint32_t, std::string> gids{};
};

struct StorageScan {
    std::vector<StoredIds> stores{};
    bool exhausted{false};                        // the budget ended before the directories did
    std::vector<std::string> problems{};          // directories that could not be read
    std::vector<std::string> elsewhere_unseen{};  // where storage is that was not looked into, and why
    // Users whose configuration names some place for storage; "" stands for all.
    std::set<std::string, std::less<>> elsewhere{};
};

struct RootlessUser {
    std::string name;
    std::string reason;  // why it is taken for one: "/var/lib/systemd/linger/alice"
};

struct Facts {
    bool live{false};
    std::array<Result<IdFile>, 2> files{};           // /etc/subuid, /etc/subgid
    std::map<std::string, Result<IdFile>> copies{};  // in the image's /usr/etc, in other deployments; by path
    // Existing ones of /etc/subuid, subgid, their backups and /etc/.pwd.lock, by path.
    std::map<std::string, Result<FileState>> file_states{};
    Result<FileState> etc_state{};  // of the directory in which they are replaced
    Result<LabelPolicy> labels{};
    // security.selinux of the existing ones of those files and of the account databases; "" without.
    std::map<std::string, Result<std::string>> file_labels{};
    bool tree_labelled{false};  // /etc has a label
    Result<host::Accounts> accounts{};
    Result<std::optional<host::Accounts>> former_accounts{};  // of backups and other deployments
    std::array<std::vector<RealId>, 2> more_ids{};            // besides the accounts: processes, homes
    Result<SubidSource> nss{};
    Result<AllocDefs> login_defs{};
    Result<std::string> containers_user{};
    Result<std::optional<std::string>> remap_user{};  // of dockerd's userns-remap
    Result<std::vector<host::LedgerEntry>> ledger{};
    Result<std::vector<host::Process>> processes{};
    Result<bool> nspawn_in_use{};
    Result<std::vector<RootlessUser>> rootless_users{};
    std::map<std::string, std::vector<Result<Helper>>> helpers{};  // by name, all of PATH in its order
    HelperCopies helper_copies{};
    StorageScan scan{};
};

struct Subuid {
    static constexpr std::string_view name = "subuid";
    using Params = subuid::Params;
    using Facts = subuid::Facts;
    [[nodiscard]] static std::span<const policy::ControlInfo> controls();
    [[nodiscard]] static const std::vector<policy::Param<Params>>& params();
    [[nodiscard]] static Facts observe(const host::Host& host, const Params& params,
                                       const policy::Provision& provision);
    [[nodiscard]] static std::vector<policy::Finding> evaluate(const Params& params,
                                                               const policy::Provision& provision,
                                                               const Facts& facts, Time now);
    [[nodiscard]] static std::vector<policy::Finding> evaluate_wanted(const Params& params,
                                                                      const policy::Provision& provision,
                                                                      const Facts& facts, Time now,
                                                                      const policy::Wanted& wanted);
};

}  // namespace plimsoll::modules::subuid
