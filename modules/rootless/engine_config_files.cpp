// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/engine_config_files.hpp"

#include "core/base/text.hpp"
#include "core/base/toml.hpp"

#include <algorithm>
#include <set>

#include <dirent.h>

namespace plimsoll::modules::rootless {
namespace {

// Bounds on what users can make us read.
constexpr std::size_t max_file = std::size_t{256} << 10;
constexpr std::size_t max_drop_ins = 256;

constexpr std::string_view vendor = "/usr/share/containers/";
constexpr std::string_view admin = "/etc/containers/";

struct Place {
    std::string path;
    bool directory{false};
};

std::string user_dir(const ConfOwner& owner) {
    return owner.home.size() > 1 && owner.home.front() == '/' ? owner.home + "/.config/containers/"
                                                              : std::string();
}

std::string at(std::string_view dir, const std::string& name) {
    return std::string(dir) + name;
}

std::string uid_dir(const std::string& dir, const ConfOwner& owner) {
    return dir + "/" + std::to_string(owner.uid);
}

// containers-storage before podman 6 knows no drop-ins: its main file in /etc hides the vendor's. What /etc
// says about a few keys reaches rootless users through their own file too, so it is merged for them as well.
std::vector<Place> storage_places(const ConfFiles& files, const ConfOwner& owner) {
    const std::string etc = at(admin, "storage.conf");
    std::vector<Place> out{{files.files.contains(etc) ? etc : at(vendor, "storage.conf")}};
    if (owner.uid != 0 && !user_dir(owner).empty())
        out.push_back({user_dir(owner) + "storage.conf"});
    return out;
}

std::vector<Place> merged_places(Layering layering, const ConfOwner& owner, const std::string& kind) {
    const std::string main = kind + ".conf";
    std::vector<Place> out{{at(vendor, main)}, {at(admin, main)}, {at(admin, main + ".d"), true}};
    const bool newer = layering == Layering::merged_rootless;
    if (owner.uid != 0 && newer) {
        const std::string rootless = at(admin, kind + ".rootless.conf");
        out.push_back({rootless});
        out.push_back({rootless + ".d", true});
        out.push_back({uid_dir(rootless + ".d", owner), true});
    }
    if ((owner.uid != 0 || newer) && !user_dir(owner).empty()) {
        out.push_back({user_dir(owner) + main});
        out.push_back({user_dir(owner) + main + ".d", true});
    }
    return out;
}

// Podman 6, lowest precedence first.
std::vector<std::string> drop_in_directories(const std::string& kind, const ConfOwner& owner) {
    std::vector<std::string> out;
    for (const std::string_view base : {vendor, admin}) {
        out.push_back(at(base, kind + ".conf.d"));
        const std::string special = at(base, kind + (owner.uid != 0 ? ".rootless" : ".rootful") + ".conf.d");
        out.push_back(special);
        if (owner.uid != 0)
            out.push_back(uid_dir(special, owner));
    }
    if (!user_dir(owner).empty())
        out.push_back(user_dir(owner) + kind + ".conf.d");
    return out;
}

// The files of `tree` directly in `dir`; the map is sorted by path, so these are sorted by name.
std::vector<const ConfFile*> files_in(const ConfFiles& tree, const std::string& dir) {
    std::vector<const ConfFile*> out;
    const std::string prefix = dir + "/";
    for (auto i = tree.files.lower_bound(prefix); i != tree.files.end() && i->first.starts_with(prefix); ++i)
        if (i->first.find('/', prefix.size()) == std::string::npos)
            out.push_back(&i->second);
    return out;
}

std::vector<const ConfFile*> first_main_order(const ConfFiles& tree, const std::string& kind,
                                              const ConfOwner& owner) {
    std::vector<const ConfFile*> out;
    std::vector<std::string> mains{at(admin, kind + ".conf"), at(vendor, kind + ".conf")};
    if (!user_dir(owner).empty())
        mains.insert(mains.begin(), user_dir(owner) + kind + ".conf");
    for (const std::string& main : mains)
        if (const auto f = tree.files.find(main); f != tree.files.end()) {
            out.push_back(&f->second);
            break;
        }
    std::map<std::string, const ConfFile*> by_name;
    for (const std::string& dir : drop_in_directories(kind, owner))
        for (const ConfFile* f : files_in(tree, dir))
            if (f->regular)
                by_name[f->path.substr(dir.size() + 1)] = f;
    for (const auto& [name, f] : by_name)
        out.push_back(f);
    return out;
}

void read_one(const host::Sysroot& root, const std::string& path, const ConfOwner& owner, ConfFiles& out) {
    if (out.files.contains(path))
        return;
    if (auto file = read_config_file(root, path, owner))
        out.files.emplace(path, *std::move(file));
}

void read_directory(const host::Sysroot& root, const std::string& dir, const ConfOwner& owner,
                    ConfFiles& out) {
    const auto entries = root.list(dir);
    if (!entries) {
        if (entries.error().code != Code::not_found)
            out.directories.insert_or_assign(dir, entries.error());
        return;
    }
    std::size_t taken = 0;
    for (const auto& e : *entries) {
        if (!e.name.ends_with(".conf") || e.type == DT_DIR)
            continue;
        if (++taken > max_drop_ins) {
            out.directories.insert_or_assign(
                dir, Error{Code::invalid_input, 0,
                           "read " + dir + ": more than " + std::to_string(max_drop_ins) + " files"});
            return;
        }
        read_one(root, dir + "/" + e.name, owner, out);
    }
}

bool owner_can_read(const host::Sysroot& root, const std::string& path, const ConfOwner& owner) {
    if (owner.uid == 0)
        return true;
    const auto st = root.stat(path);
    return !st || st->st_uid == owner.uid || (st->st_mode & S_IROTH) != 0 || !in_home(owner, path);
}

// ---- merging ----

class Merger {
  public:
    void add(const ConfFile& file) {
        if (!file.content) {
            const Error& e = file.content.error();
            if (e.code == Code::invalid_input && e.message.starts_with(file.path + ":"))
                out_.refused.push_back(e.message);
            else
                out_.unreadable.push_back(e);
            return;
        }
        if (const Table* t = file.content->table())
            add_table(file, "", *t);
    }

    Effective take() { return std::move(out_); }

    void unreadable(const Error& e) { out_.unreadable.push_back(e); }

  private:
    void add_table(const ConfFile& file, const std::string& prefix, const Table& table) {
        std::set<std::string> seen;
        for (const Member& m : table) {
            const std::string key = prefix + fold_key(m.key);
            const std::string source = file.path + ":" + std::to_string(m.key_at.line);
            if (!seen.insert(key).second)
                out_.refused.push_back(source + ": " + printable(m.key) +
                                       " is given twice in different case; which one podman takes is chance");
            if (const Table* t = m.value.table())
                add_table(file, key + ".", *t);
            else
                set(file, key, m.value, source);
        }
    }

    // An array may hold { append = true }: it and later ones of the key then add to what was there.
    void set(const ConfFile& file, const std::string& key, const Value& value, const std::string& source) {
        const Array* elements = value.array();
        ConfSetting& s = out_.settings[key];
        if (elements == nullptr) {
            s = {value, file.path, source};
            return;
        }
        Array plain;
        for (const Value& e : *elements) {
            const Value* append = e.at("append");
            if (append == nullptr || append->boolean() == nullptr)
                plain.push_back(e);
            else if (*append->boolean())
                appending_.insert(key);
            else
                appending_.erase(key);
            if (append != nullptr)
                out_.appends.push_back(source);
        }
        const Array* before = s.value.array();
        const bool keep = appending_.contains(key) && before != nullptr && !before->empty();
        if (keep)
            plain.insert(plain.begin(), before->begin(), before->end());
        s = {Value(std::move(plain)), file.path, keep ? s.source + ", " + source : source};
    }

    Effective out_;
    std::set<std::string> appending_;
};

}  // namespace

// ---- podman ----

std::optional<std::pair<int, int>> Podman::release() const {
    if (!version)
        return std::nullopt;
    std::string_view v = *version;
    if (const auto colon = v.find(':'); colon != std::string_view::npos)
        v.remove_prefix(colon + 1);
    const auto parts = split(v, '.');
    const auto major = parse_u64(parts[0]);
    if (parts.size() < 2 || !major || *major > 1000)
        return std::nullopt;
    const auto digits = parts[1].substr(0, parts[1].find_first_not_of("0123456789"));
    const auto minor = parse_u64(digits);
    if (!minor || *minor > 1000)
        return std::nullopt;
    return std::pair{static_cast<int>(*major), static_cast<int>(*minor)};
}

std::vector<Layering> Podman::layerings() const {
    const auto r = release();
    if (!r)
        return {Layering::merged, Layering::merged_rootless, Layering::first_main};
    if (r->first >= 6)
        return {Layering::first_main};
    return {*r >= std::pair{5, 7} ? Layering::merged_rootless : Layering::merged};
}

bool Podman::older_than(int major, int minor) const {
    const auto r = release();
    return r && *r < std::pair{major, minor};
}

Podman find_podman(const host::Host& host) {
    Podman out;
    const host::Sysroot& root = host.root();
    // A binary that no package brought has a version that no database tells.
    const bool local = root.exists("/usr/local/bin/podman") || root.exists("/usr/local/sbin/podman");
    out.present = local || root.exists("/usr/bin/podman");
    if (out.present && !local)
        if (const auto& version = host.package_version("podman"))
            out.version = *version;
    return out;
}

// ---- reading ----

std::vector<ConfOwner> config_owners(const std::vector<RootlessUser>& users) {
    std::vector<ConfOwner> out{{"root", 0, "/root"}};
    for (const RootlessUser& u : users)
        out.push_back({u.name, u.uid, u.home});
    return out;
}

bool in_home(const ConfOwner& owner, const std::string& path) {
    return owner.home.size() > 1 && path.starts_with(owner.home + "/");
}

std::optional<ConfFile> read_config_file(const host::Sysroot& root, const std::string& path,
                                         const ConfOwner& owner) {
    const auto own = root.lstat(path);
    if (!own && own.error().code == Code::not_found)
        return std::nullopt;
    ConfFile out{path, own && S_ISREG(own->st_mode), Value(Table{})};
    if (!owner_can_read(root, path, owner)) {
        out.content =
            fail(Code::permission, "read " + path + ": leads to a file that " + owner.name + " may not read");
        return out;
    }
    auto text = root.read(path, max_file);
    if (!text) {
        if (text.error().code == Code::not_found)  // a symlink into nowhere: podman passes it over
            return std::nullopt;
        out.content = Failure(std::move(text).error());
        return out;
    }
    out.content = parse_toml(*text, path);
    out.text = *std::move(text);
    return out;
}

ConfFiles read_config_files(const host::Sysroot& root, const std::string& kind,
                            const std::vector<ConfOwner>& owners) {
    ConfFiles out;
    for (const ConfOwner& owner : owners) {
        for (const Place& p : merged_places(Layering::merged_rootless, owner, kind)) {
            if (p.directory)
                read_directory(root, p.path, owner, out);
            else
                read_one(root, p.path, owner, out);
        }
        for (const std::string& dir : drop_in_directories(kind, owner))
            read_directory(root, dir, owner, out);
    }
    return out;
}

std::vector<const ConfFile*> merge_order(const ConfFiles& files, const std::string& kind, Layering layering,
                                         const ConfOwner& owner) {
    if (layering == Layering::first_main)
        return first_main_order(files, kind, owner);
    std::vector<const ConfFile*> out;
    const auto places =
        kind == "storage" ? storage_places(files, owner) : merged_places(layering, owner, kind);
    for (const Place& p : places) {
        if (p.directory) {
            const auto found = files_in(files, p.path);
            out.insert(out.end(), found.begin(), found.end());
        } else if (const auto f = files.files.find(p.path); f != files.files.end()) {
            out.push_back(&f->second);
        }
    }
    return out;
}

Effective merge_config(const ConfFiles& files, const std::string& kind, Layering layering,
                       const ConfOwner& owner) {
    Merger merger;
    for (const ConfFile* f : merge_order(files, kind, layering, owner))
        merger.add(*f);
    for (const auto& [dir, error] : files.directories)
        if (dir.starts_with(admin) || dir.starts_with(vendor) || in_home(owner, dir))
            merger.unreadable(error);
    return merger.take();
}

ConfFiles with_file(ConfFiles files, const std::string& path, const std::string& text) {
    files.files.insert_or_assign(path, ConfFile{path, true, parse_toml(text, path), text});
    return files;
}

const ConfSetting* Effective::find(std::string_view key) const {
    const auto i = settings.find(key);
    return i != settings.end() ? &i->second : nullptr;
}

std::string wrong_type(const ConfSetting& setting, std::string_view key, std::string_view expected) {
    return setting.source + ": " + std::string(key) + " is " + std::string(setting.value.type_name()) +
           ", podman takes " + std::string(expected) + " only";
}

std::string fold_key(std::string_view key) {
    std::string out;
    for (std::size_t i = 0; i < key.size(); ++i) {
        if (key.substr(i).starts_with("\xC5\xBF")) {  // U+017F, long s
            out += 's';
            i += 1;
        } else if (key.substr(i).starts_with("\xE2\x84\xAA")) {  // U+212A, kelvin sign
            out += 'k';
            i += 2;
        } else {
            out += key[i] >= 'A' && key[i] <= 'Z' ? static_cast<char>(key[i] - 'A' + 'a') : key[i];
        }
    }
    return out;
}

std::string octal_mode(std::uint32_t mode) {
    std::string out = "0000";
    for (std::size_t i = 0; i < 4; ++i)
        out[3 - i] = static_cast<char>('0' + ((mode >> (3 * i)) & 7U));
    return out;
}

std::string show_value(const Value& v) {
    Table one;
    one.set("v", v);
    const std::string line = to_toml(one);
    return printable(trim(line.substr(std::min(line.find('=') + 1, line.size()))));
}

}  // namespace plimsoll::modules::rootless
