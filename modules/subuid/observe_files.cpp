// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/base/toml.hpp"
#include "modules/subuid/edits.hpp"
#include "modules/subuid/observe.hpp"

#include <algorithm>
#include <array>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace plimsoll::modules::subuid {
namespace {

// Of whose integrity ranges depend.
constexpr std::array own_files{"/etc/subuid", "/etc/subgid", "/etc/subuid-", "/etc/subgid-",
                               "/etc/.pwd.lock"};
constexpr std::array databases{"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"};

// nullopt: no such file.
Result<std::optional<std::string>> read_optional(const host::Sysroot& root, const std::string& path) {
    auto text = root.read(path);
    if (text)
        return std::optional(*std::move(text));
    if (text.error().code == Code::not_found)
        return std::nullopt;
    return Failure(std::move(text).error());
}

bool iequals(std::string_view a, std::string_view b) {
    const auto lower = [](char ch) {
        return ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch - 'A' + 'a') : ch;
    };
    return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

Result<std::vector<host::DirEntry>> list_optional(const host::Sysroot& root, const std::string& dir) {
    auto entries = root.list(dir);
    if (!entries && entries.error().code == Code::not_found)
        return std::vector<host::DirEntry>{};
    return entries;
}

Result<IdFile> read_id_file(const host::Sysroot& root, const std::string& path) {
    const auto state = root.lstat(path);
    if (!state) {
        if (state.error().code == Code::not_found)
            return IdFile{false, {path}};
        return Failure(state.error());
    }
    // Not followed: what a symlink's target says is not what programs that replace the file will find.
    if (!S_ISREG(state->st_mode))
        return fail(Code::integrity, path + " is " + std::string(host::file_type_name(state->st_mode)) +
                                         ", not a regular file");
    PLIMSOLL_TRY(auto text, root.read(path));
    return IdFile{true, host::parse_subid(std::move(text), path)};
}

bool acl_has_writers(std::string_view raw) {
    // linux/posix_acl_xattr.h: a 4-byte version, then entries of tag, permissions and id.
    constexpr std::size_t header = 4;
    constexpr std::size_t entry = 8;
    constexpr unsigned named_user = 0x02;
    constexpr unsigned named_group = 0x08;
    constexpr unsigned mask = 0x10;
    constexpr unsigned write = 0x02;
    if (raw.size() < header || (raw.size() - header) % entry != 0 ||
        !raw.starts_with(std::string_view("\2\0\0\0", 4)))
        return true;
    const auto u16 = [&](std::size_t at) {
        return static_cast<unsigned>(static_cast<unsigned char>(raw[at])) |
               static_cast<unsigned>(static_cast<unsigned char>(raw[at + 1])) << 8U;
    };
    bool writers = false;
    bool masked = false;
    for (std::size_t at = header; at < raw.size(); at += entry) {
        const auto tag = u16(at);
        const bool may_write = (u16(at + 2) & write) != 0;
        if (tag == named_user || tag == named_group)
            writers = writers || may_write;
        else if (tag == mask)
            masked = !may_write;
    }
    return writers && !masked;
}

FileState state_of(const struct ::stat& st) {
    return {st.st_mode, st.st_uid, st.st_gid, st.st_nlink};
}

namespace {

Result<FileState> with_access_list(const host::Sysroot& root, const std::string& path, FileState state) {
    PLIMSOLL_TRY(const auto acl, root.xattr(path, "system.posix_acl_access"));
    state.acl_writers = acl && acl_has_writers(*acl);
    return state;
}

}  // namespace

std::map<std::string, Result<FileState>> read_file_states(const host::Sysroot& root) {
    std::map<std::string, Result<FileState>> out;
    for (const std::string path : own_files) {
        const auto st = root.lstat(path);
        if (!st && st.error().code != Code::not_found)
            out.emplace(path, Failure(st.error()));
        else if (st && S_ISREG(st->st_mode))
            out.emplace(path, with_access_list(root, path, state_of(*st)));
        else if (st)
            out.emplace(path, state_of(*st));
    }
    return out;
}

Result<FileState> read_etc_state(const host::Sysroot& root) {
    PLIMSOLL_TRY(const auto st, root.stat("/etc"));
    return with_access_list(root, "/etc", state_of(st));
}

void read_labels(const host::Host& host, Facts& facts) {
    std::vector<std::string> paths(own_files.begin(), own_files.end());
    paths.insert(paths.end(), databases.begin(), databases.end());
    facts.labels = read_label_policy(host, paths);
    if (!facts.labels || !facts.labels->in_use)
        return;
    const auto label_of = [&](const std::string& path) -> Result<std::string> {
        PLIMSOLL_TRY(const auto raw, host.root().xattr(path, "security.selinux"));
        return raw ? raw->substr(0, raw->find('\0')) : "";
    };
    facts.tree_labelled = !label_of("/etc").value_or("").empty();
    for (const auto& path : paths) {
        const auto st = host.root().lstat(path);
        if (st && S_ISREG(st->st_mode))
            facts.file_labels.emplace(path, label_of(path));
        else if (!st && st.error().code != Code::not_found)
            facts.file_labels.emplace(path, Failure(st.error()));
    }
}

namespace {

// Deployments of OSTree besides the one whose /etc this is: each may be the next that is booted.
Result<std::vector<std::string>> other_deployments(const host::Sysroot& root) {
    std::vector<std::string> out;
    const auto own = root.stat("/etc");
    PLIMSOLL_TRY(const auto systems, list_optional(root, "/ostree/deploy"));
    for (const auto& system : systems) {
        const std::string dir = "/ostree/deploy/" + system.name + "/deploy";
        PLIMSOLL_TRY(const auto deployments, list_optional(root, dir));
        for (const auto& d : deployments) {
            const std::string path = dir + "/" + d.name;
            const auto etc = root.stat(path + "/etc");
            const bool same = own && etc && own->st_dev == etc->st_dev && own->st_ino == etc->st_ino;
            if (d.type == DT_DIR && !same)
                out.push_back(path);
        }
    }
    return out;
}

}  // namespace

std::map<std::string, Result<IdFile>> read_copies(const host::Sysroot& root) {
    std::vector<std::string> paths{"/usr" + path_of(IdKind::uid), "/usr" + path_of(IdKind::gid)};
    std::map<std::string, Result<IdFile>> out;
    if (const auto deployments = other_deployments(root)) {
        for (const auto& d : *deployments)
            for (const std::string etc : {"", "/usr"})
                for (const IdKind kind : id_kinds)
                    paths.push_back(d + etc + path_of(kind));
    } else {
        out.emplace("/ostree/deploy", Failure(deployments.error()));
    }
    for (const auto& path : paths)
        if (auto file = read_id_file(root, path); !file || file->present)
            out.emplace(path, std::move(file));
    return out;
}

Result<std::optional<host::Accounts>> read_former_accounts(const host::Sysroot& root) {
    std::vector<std::string> paths{"/etc/passwd-", "/var/backups/passwd.bak"};
    PLIMSOLL_TRY(const auto deployments, other_deployments(root));
    for (const auto& d : deployments)
        paths.push_back(d + "/etc/passwd");
    std::optional<host::Accounts> out;
    for (const auto& path : paths) {
        PLIMSOLL_TRY(const auto text, read_optional(root, path));
        if (!text)
            continue;
        if (!out)
            out.emplace();
        host::parse_passwd(*text, path, *out);
    }
    return out;
}

namespace {

// What the loader takes for a shared object, as far as its first bytes tell; nullopt: it goes on to the
// next directory, or gives up.
bool shared_object(const host::Sysroot& root, const std::string& path) {
    constexpr std::string_view magic("\177ELF", 4);
    constexpr std::size_t type_at = 16;  // elf(5), e_type
    constexpr char shared = 3;           // ET_DYN
    const auto st = root.stat(path);
    if (!st || !S_ISREG(st->st_mode))
        return false;
    const auto fd = root.open_at(path, O_RDONLY);
    std::array<char, type_at + 2> head{};
    return fd && ::pread(fd->get(), head.data(), head.size(), 0) == static_cast<ssize_t>(head.size()) &&
           std::string_view(head.data(), head.size()).starts_with(magic) &&
           (head[type_at] == shared || head[type_at + 1] == shared);
}

// Where the loader looks for libsubid_TOKEN.so.
std::vector<std::string> library_dirs(const host::Sysroot& root) {
    std::vector<std::string> out{"/usr/lib64", "/usr/lib", "/lib64", "/lib", "/usr/local/lib"};
    for (const auto& e : root.list("/usr/lib").value_or(std::vector<host::DirEntry>{}))
        if (e.name.contains("-linux-"))
            out.push_back("/usr/lib/" + e.name);
    return out;
}

}  // namespace

Result<SubidSource> read_subid_source(const host::Host& host) {
    const host::Sysroot& root = host.root();
    PLIMSOLL_TRY(const auto text, read_optional(root, "/etc/nsswitch.conf"));
    SubidSource out;
    if (!text)
        return out;
    // shadow lib/nss.c nss_init(): the first line that begins with "subid:" and has a word; its first word.
    int number = 0;
    for (const auto line : split_lines(*text)) {
        ++number;
        if (!iequals(line.substr(0, 6), "subid:") || line.size() < 7)
            continue;
        const auto tokens = words(line.substr(6));
        if (tokens.empty())
            continue;
        out.token = tokens.front();
        out.source = "/etc/nsswitch.conf:" + std::to_string(number);
        break;
    }
    if (out.token == "files")
        return out;
    out.plugin_found = false;
    if (out.token.find('/') != std::string::npos)
        return out;
    const std::string library = "/libsubid_" + out.token + ".so";
    for (const std::string& dir : library_dirs(root))
        if (shared_object(root, dir + library)) {
            PLIMSOLL_TRY(out.plugin, read_program(host, dir + library));
            out.plugin_found = true;
            break;
        }
    return out;
}

Result<AllocDefs> read_alloc_defs(const host::Sysroot& root) {
    AllocDefs out;
    for (const char* path : {"/etc/login.defs", "/usr/etc/login.defs"}) {
        PLIMSOLL_TRY(auto text, read_optional(root, path));
        if (!text)
            continue;
        const auto state = root.lstat(path);
        out.base = path;
        out.base_is_link = state && S_ISLNK(state->st_mode);
        out.base_text = *std::move(text);
        out.defs = host::parse_login_defs(out.base_text, path);
        break;
    }
    for (const std::string dir : {"/usr/etc/login.defs.d", "/etc/login.defs.d"}) {
        const auto entries = root.list(dir);
        if (!entries && entries.error().code != Code::not_found)
            return Failure(entries.error());
        for (const auto& e : entries.value_or(std::vector<host::DirEntry>{})) {
            if (!e.name.ends_with(".defs"))
                continue;
            PLIMSOLL_TRY(const auto text, read_optional(root, dir + "/" + e.name));
            if (text)
                out.drop_ins.push_back(host::parse_login_defs(*text, dir + "/" + e.name));
        }
    }
    return out;
}

namespace {

// nullopt: the file does not say.
Result<std::optional<std::string>> auto_userns_user(std::string_view text, const std::string& path) {
    PLIMSOLL_TRY(const auto conf, parse_toml(text, path));
    const Value* user = conf.at("storage", "options", "root-auto-userns-user");
    if (user == nullptr || user->string() == nullptr || user->string()->empty())
        return std::nullopt;
    return *user->string();
}

// Podman reads drop-ins of storage.conf from version 6 on; who reads what cannot be seen in the files.
Result<void> no_drop_in_differs(const host::Sysroot& root, const std::string& user) {
    for (const std::string dir : {"/usr/share/containers/storage.conf.d", "/etc/containers/storage.conf.d"}) {
        PLIMSOLL_TRY(const auto entries, list_optional(root, dir));
        for (const auto& e : entries) {
            if (!e.name.ends_with(".conf"))
                continue;
            const std::string path = dir + "/" + e.name;
            PLIMSOLL_TRY(const auto text, root.read(path));
            PLIMSOLL_TRY(const auto named, auto_userns_user(text, path));
            if (named && *named != user)
                return fail(Code::unsupported,
                            path + " names " + printable(*named, 60) + " instead of " + printable(user, 60) +
                                ", and only Podman 6 and later reads it: state the owner in "
                                "the policy");
        }
    }
    return {};
}

}  // namespace

Result<std::string> read_containers_user(const host::Sysroot& root) {
    std::string out = "containers";  // containers/storage: RootAutoUserNsUser
    for (const char* path : {"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"}) {
        PLIMSOLL_TRY(const auto text, read_optional(root, path));
        if (!text)
            continue;
        PLIMSOLL_TRY(const auto named, auto_userns_user(*text, path));
        out = named.value_or(out);
        break;
    }
    PLIMSOLL_CHECK(no_drop_in_differs(root, out));
    return out;
}

namespace {

// "default" or "USER[:GROUP]", as dockerd takes it; empty: no remapping.
std::optional<std::string> remap_user(std::string_view value) {
    const auto user = value.substr(0, value.find(':'));
    if (user.empty())
        return std::nullopt;
    return user == "default" ? "dockremap" : std::string(user);
}

std::optional<std::string> remap_user_of_command_line(const std::vector<host::Process>& processes) {
    constexpr std::string_view option = "--userns-remap";
    for (const auto& p : processes) {
        if (!p.exe || !p.exe->ends_with("/dockerd"))
            continue;
        for (std::size_t i = 1; i < p.argv.size(); ++i) {
            const std::string_view arg = p.argv[i];
            if (arg == option && i + 1 < p.argv.size())
                return remap_user(p.argv[i + 1]);
            if (arg.starts_with(std::string(option) + "="))
                return remap_user(arg.substr(option.size() + 1));
        }
    }
    return std::nullopt;
}

}  // namespace

Result<std::optional<std::string>> read_remap_user(const host::Host& host) {
    if (host.live() && !host.processes())
        return Failure(host.processes().error());
    if (host.live())
        if (auto user = remap_user_of_command_line(*host.processes()))
            return user;
    PLIMSOLL_TRY(const auto text, read_optional(host.root(), "/etc/docker/daemon.json"));
    if (!text)
        return std::nullopt;
    PLIMSOLL_TRY(const auto conf, parse_json(*text, "/etc/docker/daemon.json"));
    const Value* value = conf.at("userns-remap");
    if (value == nullptr || value->string() == nullptr)
        return std::nullopt;
    return remap_user(*value->string());
}

Result<std::vector<host::LedgerEntry>> read_ledger(const host::Host& host) {
    return host.ledger().read(host.root(), host::ledger_path(host.state_dir()));
}

}  // namespace plimsoll::modules::subuid
