// SPDX-License-Identifier: Apache-2.0
// The `[provision]` part of the policy: the rootless tenants a host is to have, and what they need.
#pragma once
#include "core/base/ranges.hpp"
#include "core/base/value.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::policy {

struct SubidRequest {
    enum class Kind { unmanaged, allocate, ranges };
    Kind kind{Kind::unmanaged};
    std::uint64_t count{65536};   // for allocate
    std::vector<Range> ranges{};  // for ranges: exactly these
    bool operator==(const SubidRequest&) const = default;
};

struct Tenant {
    enum class Kind {
        existing,  // somebody else creates the account; we only give it what it needs
        system,    // a service account, created when missing
        regular,   // an account in the regular uid range, created when missing
    };
    std::string user;
    Kind kind{Kind::existing};
    std::optional<std::uint32_t> uid{};  // when we create it; unset: the next free one
    std::string home{};                  // unset: /var/lib/USER (system) or /home/USER (regular)
    std::string shell{};                 // unset: /usr/sbin/nologin (system) or /bin/bash (regular)
    SubidRequest subuid{};
    SubidRequest subgid{};
    std::optional<bool> linger{};
    std::string origin{};  // "FILE:LINE"
    bool operator==(const Tenant&) const = default;
};

struct Provision {
    std::vector<Tenant> tenants{};
    // Written as our own drop-ins; unset: not managed.
    std::optional<Table> containers_conf{};
    std::optional<Table> storage_conf{};
    std::optional<Table> registries_conf{};
    std::vector<std::string> delegate{};          // cgroup v2 controllers for user@.service
    std::map<std::string, std::string> sysctl{};  // "user.max_user_namespaces" -> "28633"
    bool operator==(const Provision&) const = default;

    [[nodiscard]] const Tenant* tenant(std::string_view user) const {
        for (const Tenant& t : tenants)
            if (t.user == user)
                return &t;
        return nullptr;
    }
};

}  // namespace plimsoll::policy
