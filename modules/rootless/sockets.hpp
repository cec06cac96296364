// SPDX-License-Identifier: Apache-2.0
// Who can reach an engine: sockets in the file system with owner, mode and ACL, and what listens.
#pragma once
#include "core/base/result.hpp"
#include "core/host/host.hpp"
#include "modules/rootless/inventory.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

struct AclEntry {  // acl(5); ids only for named users and groups
    enum class Tag : std::uint16_t {
        user_obj = 1,
        user = 2,
        group_obj = 4,
        group = 8,
        mask = 16,
        other = 32
    };
    Tag tag{};
    std::uint16_t permissions{0};  // 4 read, 2 write, 1 execute
    std::uint32_t id{0};
    bool operator==(const AclEntry&) const = default;
};

struct SocketFile {
    std::string path;
    std::string engine;
    std::uint32_t uid{0};
    std::uint32_t gid{0};
    std::uint32_t mode{0};  // permission bits
    bool listening{false};  // somebody accepts connections on it
    std::vector<AclEntry> acl{};
    std::optional<Error> acl_problem{};
};

struct TcpListener {
    std::string address;  // "0.0.0.0:2375", "[::]:2375"
    bool loopback{false};
    std::uint16_t port{0};
    std::uint64_t inode{0};
    bool operator==(const TcpListener&) const = default;
};

struct EngineListener {
    TcpListener tcp;
    std::string engine;
    int pid{0};
};

struct Sockets {
    std::vector<SocketFile> files{};            // rootful ones that exist
    std::vector<Error> problems{};              // what of them could not be looked at
    Result<std::vector<EngineListener>> tcp{};  // of rootful engines; empty when not live
};

[[nodiscard]] Sockets read_sockets(const host::Host& host, const Inventory& inventory);

// ---- pure; any bytes ----

// Paths of listening stream sockets in /proc/net/unix, with their inodes. Abstract ones ("@…") are left out.
[[nodiscard]] std::map<std::uint64_t, std::string> parse_proc_net_unix(std::string_view text);
// Sockets in state LISTEN of /proc/net/tcp or tcp6.
[[nodiscard]] std::vector<TcpListener> parse_proc_net_tcp(std::string_view text);
// Whether dockerd listens by TCP at an address of hosts: it takes one without a scheme for TCP.
[[nodiscard]] bool is_tcp_host(std::string_view host);
// Whether systemd does for a ListenStream= (systemd.socket(5)): not a path, an abstract name or VSOCK.
[[nodiscard]] bool is_tcp_stream(std::string_view listen);
// The value of system.posix_acl_access (linux/posix_acl_xattr.h).
[[nodiscard]] Result<std::vector<AclEntry>> parse_acl(std::string_view bytes);

}  // namespace plimsoll::modules::rootless
