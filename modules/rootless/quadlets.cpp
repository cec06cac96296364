// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/quadlets.hpp"

#include "core/base/text.hpp"
#include "core/base/yaml.hpp"
#include "core/host/quadlet_files.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t max_size = std::size_t{1} << 20;
constexpr std::size_t max_yaml_files = 16;

// A line that begins a document of a YAML stream; one that ends it counts alike.
bool separates(std::string_view line) {
    return (line.starts_with("---") || line.starts_with("...")) &&
           (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

// Each with empty lines in the place of what is before it, so that positions stay right.
std::vector<std::string> documents_of(std::string_view text) {
    std::vector<std::string> out(1);
    std::size_t number = 0;
    for (const auto line : split_lines(text)) {
        if (separates(line)) {
            out.push_back(std::string(number, '\n'));
            out.back().append("   ").append(line.substr(3));
        } else {
            out.back().append(line);
        }
        out.back() += '\n';
        ++number;
    }
    return out;
}

Result<std::vector<Value>> parse_documents(std::string_view text, const std::string& path) {
    std::vector<Value> out;
    for (const auto& document : documents_of(text)) {
        PLIMSOLL_TRY(auto value, parse_yaml(document, path));
        out.push_back(std::move(value));
    }
    return out;
}

class Reader {
  public:
    Reader(const host::Sysroot& root, Quadlets& into) : root_(root), into_(into) {}

    void add(const host::QuadletTree& tree, const std::string& user) {
        into_.problems.insert(into_.problems.end(), tree.problems.begin(), tree.problems.end());
        for (const auto& path : tree.files)
            file(path, tree, user);
    }

  private:
    void file(const std::string& path, const host::QuadletTree& tree, const std::string& user) {
        Quadlet q{.path = path, .user = user};
        if (auto r = read_into(path, q); !r)
            q.problem = r.error();
        std::vector<Error> problems;
        for (const auto& drop_in : tree.drop_ins(root_, path, problems))
            if (auto r = read_into(drop_in, q); !r)
                q.problem = r.error();
        if (!problems.empty())
            q.problem = problems.front();
        if (path.ends_with(".kube"))
            read_yaml(q);
        into_.files.push_back(std::move(q));
    }

    Result<void> read_into(const std::string& path, Quadlet& q) const {
        PLIMSOLL_TRY(const auto text, root_.read(path, max_size));
        std::ranges::move(host::parse_unit(text, path), std::back_inserter(q.settings));
        return {};
    }

    void read_yaml(Quadlet& q) const {
        const host::UnitFile unit{.name = q.path, .settings = q.settings};
        for (const auto& setting : unit.values("Kube", "Yaml"))
            for (const auto word : words(setting.value)) {
                if (q.kube.size() == max_yaml_files)
                    return;
                const bool absolute = word.starts_with('/');
                const std::string path =
                    (absolute ? "" : q.path.substr(0, q.path.rfind('/') + 1)) + std::string(word);
                q.kube.push_back({path, documents(path, q)});
            }
    }

    // A user cannot have us read what the user may not.
    Result<std::vector<Value>> documents(const std::string& path, const Quadlet& q) const {
        PLIMSOLL_TRY(const auto st, root_.stat(path));
        if (!q.user.empty() && (st.st_mode & S_IROTH) == 0) {
            PLIMSOLL_TRY(const auto own, root_.stat(q.path));
            if (st.st_uid != own.st_uid)
                return fail(Code::permission, "read " + path + ": not the user's own");
        }
        PLIMSOLL_TRY(const auto text, root_.read(path, max_size));
        return parse_documents(text, path);
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
                       "uid " + e.name);
}

}  // namespace

Quadlets read_quadlets(const host::Host& host) {
    Quadlets out;
    Reader reader(host.root(), out);
    reader.add(host::system_quadlets(host.root()), "");
    const auto common = host::common_quadlets(host.root());
    reader.add(common, "*");
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
            reader.add(tree, user.name);
        }
    add_strangers(host, uids, reader);
    return out;
}

}  // namespace plimsoll::modules::rootless
