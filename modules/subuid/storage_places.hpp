// SPDX-License-Identifier: Apache-2.0
// Where the engines keep images, layers and volumes: by their configuration, and by the command lines of the
// units and processes that start them.
#pragma once
#include "core/host/command_line.hpp"
#include "core/host/host.hpp"
#include "core/host/unit_files.hpp"
#include "modules/subuid/subuid.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::subuid {

inline constexpr std::size_t max_problems = 5;  // that are told

// Adds to what was not looked into, unless there is enough of that.
void note_unseen(StorageScan& out, const std::string& what);

class StoragePlaces {
  public:
    // Notes in `out` whatever configuration is no help.
    StoragePlaces(const host::Host& host, StorageScan& out);

    // Of the rootful engines; of each the default when nothing says otherwise.
    [[nodiscard]] const std::string& podman() const { return podman_; }

    [[nodiscard]] const std::vector<std::string>& docker() const { return docker_; }

    [[nodiscard]] const std::vector<std::string>& containerd() const { return containerd_; }

    // Of a user's engines.
    [[nodiscard]] std::vector<std::string> of(const host::User& u) const;
    [[nodiscard]] static std::vector<std::string> in_home(const std::string& home);

  private:
    struct Command {
        std::vector<std::string> argv{};
        std::string source{};  // "FILE:LINE", "pid 812"
    };

    // How one of them is told where its storage is, and where that is by default.
    struct Engine {
        std::string program;
        std::vector<const char*> root_flags;
        std::vector<const char*> file_flags;
        std::string file;
        std::string place;
    };

    void read_storage_conf();
    void read_docker();
    void read_containerd();
    [[nodiscard]] std::string containerd_root(const Value& conf, const std::string& file) const;
    [[nodiscard]] std::vector<Command> commands(const std::optional<host::UnitFile>& unit,
                                                const std::string& program) const;
    [[nodiscard]] std::vector<Command> rootful_commands(const std::string& program) const;
    // Of each command line by itself: the default counts for one that names no place.
    template <class Parser, class Root>
    void add_engine(const Engine& engine, Parser parse, Root root_in, std::vector<std::string>& into) const;
    void note_unset(const std::vector<std::string>& argv, const host::Variables& environment,
                    host::ManagerOf manager, const std::string& source) const;
    void add_rootful(std::string place, std::vector<std::string>& into) const;
    void add_of_docker(const host::User& u, std::vector<std::string>& out) const;
    // nullopt: no such file. What cannot be read is noted.
    template <class Parser>
    Result<std::optional<Value>> read(const std::string& path, Parser parse) const;
    void note_drop_in(const std::string& path) const;
    void add(const std::string& place, const host::User& u, const std::string& source,
             std::vector<std::string>& out) const;

    const host::Host& host_;
    const host::Sysroot& root_;
    StorageScan& out_;
    std::string podman_{"/var/lib/containers/storage"};
    std::string rootless_{};  // rootless_storage_path
    std::vector<std::string> docker_{};
    std::vector<std::string> containerd_{};
};

}  // namespace plimsoll::modules::subuid
