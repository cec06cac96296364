// SPDX-License-Identifier: Apache-2.0
// What engines write down about their containers: names, images, run-time state. Hints for people; a file
// that is not root's or the container owner's is not read, and neither is one whose file system could block.
#pragma once
#include "core/base/value.hpp"
#include "core/host/host.hpp"
#include "modules/containers/container.hpp"

#include <map>
#include <string>
#include <vector>

namespace plimsoll::modules::containers {

class Records {
  public:
    Records(const host::Host& host, const std::vector<host::Mount>& host_mounts)
        : host_(&host), host_mounts_(&host_mounts) {}

    // Adds names, image and record. Needs engine, id and owner.
    void add_to(Container& container);

  private:
    struct Named {
        std::vector<std::string> names{};
        std::string image{};
    };

    using ById = std::map<std::string, Named, std::less<>>;

    [[nodiscard]] const ById& podman_of(std::uint32_t owner);
    void read_podman(const std::string& file, std::uint32_t owner, ById& out) const;
    [[nodiscard]] std::optional<Value> read_json(const std::string& file, std::uint32_t owner) const;
    void add_docker(Container& container) const;
    void add_cri(Container& container) const;
    [[nodiscard]] bool could_block(const std::string& file, std::uint32_t owner) const;

    const host::Host* host_;
    const std::vector<host::Mount>* host_mounts_;
    std::map<std::uint32_t, ById> podman_{};
};

}  // namespace plimsoll::modules::containers
