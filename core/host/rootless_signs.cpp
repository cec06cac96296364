// SPDX-License-Identifier: Apache-2.0
#include "core/host/rootless_signs.hpp"

#include "core/base/path.hpp"
#include "core/host/quadlet_files.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::host {
namespace {

// Programs that make containers without root, as unit files and their names have them.
constexpr std::array<std::string_view, 5> engines{"podman", "dockerd", "containerd", "buildkitd",
                                                  "rootlesskit"};
constexpr std::string_view engine_units[] = {"podman", "docker.", "containerd.", "buildkit."};

// An account is not worth more looks than this.
constexpr std::size_t max_signs = 64;

std::string_view stem_of(std::string_view unit) {
    return unit.substr(0, unit.rfind('.'));
}

class Signs {
  public:
    Signs(const Host& host, const User& user) : host_(host), root_(host.root()), user_(user) {}

    RootlessSigns read() {
        auto quadlets = user_quadlets(root_, user_.uid, user_.home);
        out_.starts = std::move(quadlets.files);
        out_.problems = std::move(quadlets.problems);
        read_units();
        read_sockets();
        out_.starts.resize(std::min(out_.starts.size(), max_signs));
        return std::move(out_);
    }

  private:
    void read_units() {
        std::vector<std::string> dirs = own_unit_dirs(user_.uid, user_.home);
        std::erase_if(dirs, [&](const std::string& dir) { return !root_.exists(dir); });
        if (dirs.empty())
            return;
        const auto units = UnitFiles::open(root_, dirs);
        if (!units) {
            out_.problems.push_back(units.error());
            return;
        }
        const auto with_engine = units->mentioning(root_, engines);
        if (!with_engine) {
            out_.problems.push_back(with_engine.error());
            return;
        }
        for (const auto& link : units->pulling_links())
            if (starts_engine(link, *with_engine))
                out_.starts.push_back(link);
        const auto docker = units->read(root_, "docker.service");
        if (!docker)
            out_.problems.push_back(docker.error());
        else if (*docker)
            out_.others.push_back((*docker)->fragment);
    }

    // A timer or socket starts the service of its name.
    bool starts_engine(const std::string& link, const std::vector<std::string>& with_engine) {
        if (const auto target = root_.read_link(link); target && *target == "/dev/null")
            return false;
        const auto name = base_name(link);
        if (std::ranges::any_of(engine_units, [&](std::string_view e) { return name.starts_with(e); }) ||
            std::ranges::any_of(with_engine,
                                [&](const std::string& u) { return stem_of(u) == stem_of(name); }))
            return true;
        const auto text = root_.read(link);  // of a vendor's or the administrator's unit
        if (!text && text.error().code != Code::not_found)
            out_.problems.push_back(text.error());
        return text && std::ranges::any_of(
                           engines, [&](std::string_view e) { return text->find(e) != std::string::npos; });
    }

    void read_sockets() {
        if (!host_.live())
            return;
        const std::string dir = "/run/user/" + std::to_string(user_.uid);
        for (const char* socket : {"/podman/podman.sock", "/docker.sock"}) {
            const auto st = root_.lstat(dir + socket);
            if (st)
                out_.others.push_back(dir + socket);
            else if (st.error().code != Code::not_found)
                out_.problems.push_back(st.error());
        }
    }

    const Host& host_;
    const Sysroot& root_;
    const User& user_;
    RootlessSigns out_{};
};

}  // namespace

RootlessSigns rootless_signs(const Host& host, const User& user) {
    return Signs(host, user).read();
}

}  // namespace plimsoll::host
