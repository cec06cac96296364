// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/quadlets.hpp"

#include "core/base/text.hpp"
#include "core/host/quadlet_files.hpp"
#include "modules/rootless/user_units.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t max_size = std::size_t{1} << 20;

Manager unknown_home() {
    return {.home = "", .directory = ""};
}

class Reader {
  public:
    Reader(const host::Sysroot& root, Quadlets& into) : root_(root), into_(into) {}

    void add(const host::QuadletTree& tree, const std::string& user, const Manager& manager) {
        into_.problems.insert(into_.problems.end(), tree.problems.begin(), tree.problems.end());
        for (const auto& path : tree.files)
            file(path, tree, {.path = path, .user = user, .manager = manager});
    }

  private:
    void file(const std::string& path, const host::QuadletTree& tree, Quadlet q) {
        if (auto r = read_into(path, q); !r)
            q.problem = r.error();
        std::vector<Error> problems;
        for (const auto& drop_in : tree.drop_ins(root_, path, problems))
            if (auto r = read_into(drop_in, q); !r)
                q.problem = r.error();
        if (!problems.empty())
            q.problem = problems.front();
        read_yaml(q);
        into_.files.push_back(std::move(q));
    }

    Result<void> read_into(const std::string& path, Quadlet& q) const {
        PLIMSOLL_TRY(const auto text, root_.read(path, max_size));
        std::ranges::move(host::parse_unit(text, path), std::back_inserter(q.settings));
        return {};
    }

    // What a .kube names, and what its commands play.
    void read_yaml(Quadlet& q) const {
        const host::UnitFile unit{.name = q.path, .settings = q.settings};
        std::vector<std::string> paths;
        if (q.path.ends_with(".kube"))
            for (const auto& setting : unit.values("Kube", "Yaml"))
                for (const auto word : words(setting.value))
                    paths.push_back((word.starts_with('/') ? "" : q.path.substr(0, q.path.rfind('/') + 1)) +
                                    std::string(word));
        std::ranges::move(played_files(unit, q.manager), std::back_inserter(paths));
        q.kube = read_kube_files(root_, paths, q.user.empty() ? "" : q.path);
    }

    const host::Sysroot& root_;
    Quadlets& into_;
};

// Directories for users that the account database does not have.
void add_strangers(const host::Host& host, const std::set<std::uint64_t>& known, Reader& reader) {
    const auto entries = host.root().list(host::quadlet_users_dir);
    if (!entries)
        return;  // common_quadlets() says why
    for (const auto& e : *entries)
        if (const auto uid = parse_u64(e.name); uid && *uid <= UINT32_MAX && !known.contains(*uid))
            reader.add(host::user_quadlets(host.root(), static_cast<std::uint32_t>(*uid), ""),
                       "uid " + e.name, unknown_home());
}

}  // namespace

Quadlets read_quadlets(const host::Host& host) {
    Quadlets out;
    Reader reader(host.root(), out);
    reader.add(host::system_quadlets(host.root()), "", {});
    const auto common = host::common_quadlets(host.root());
    reader.add(common, "*", unknown_home());
    out.units = read_user_units(host);
    std::set<std::uint64_t> uids{0};
    std::set<std::string> homes{"/"};
    if (host.accounts())  // else whoever judges accounts says so
        for (const auto& user : host.accounts()->users) {
            const bool new_home = homes.insert(user.home).second;
            const bool new_uid = uids.insert(user.uid).second;
            if (user.uid == 0 || (!new_home && !new_uid))
                continue;
            auto tree = host::user_quadlets(host.root(), user.uid, new_home ? user.home : "");
            std::ranges::copy(common.drop_in_dirs, std::back_inserter(tree.drop_in_dirs));
            reader.add(tree, user.name, {user.home, user.home});
        }
    add_strangers(host, uids, reader);
    return out;
}

}  // namespace plimsoll::modules::rootless
