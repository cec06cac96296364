// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/sockets.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t proc_max = std::size_t{32} << 20;

std::optional<std::uint64_t> hex(std::string_view s) {
    std::uint64_t v = 0;
    const auto [end, err] = std::from_chars(s.data(), s.data() + s.size(), v, 16);
    if (s.empty() || err != std::errc{} || end != s.data() + s.size())
        return std::nullopt;
    return v;
}

// Four bytes of an address as the kernel prints them: one 32-bit number in host order (little-endian on every
// machine that we build for).
std::array<unsigned, 4> quad(std::uint64_t word) {
    return {static_cast<unsigned>(word & 255), static_cast<unsigned>(word >> 8 & 255),
            static_cast<unsigned>(word >> 16 & 255), static_cast<unsigned>(word >> 24 & 255)};
}

std::string dotted(std::uint64_t word) {
    const auto b = quad(word);
    return std::to_string(b[0]) + "." + std::to_string(b[1]) + "." + std::to_string(b[2]) + "." +
           std::to_string(b[3]);
}

std::string hex_group(unsigned v) {
    std::array<char, 8> buf{};
    const auto end = std::to_chars(buf.data(), buf.data() + buf.size(), v, 16).ptr;
    return {buf.data(), end};
}

std::string ipv6_text(const std::array<std::uint64_t, 4>& w) {
    if (w[0] == 0 && w[1] == 0 && w[2] == 0 && (w[3] == 0 || w[3] == 0x01000000))
        return w[3] == 0 ? "[::]" : "[::1]";
    if (w[0] == 0 && w[1] == 0 && w[2] == 0xffff0000)
        return "[::ffff:" + dotted(w[3]) + "]";
    std::vector<std::string> groups;
    for (const auto word : w) {
        const auto b = quad(word);
        groups.push_back(hex_group(b[0] << 8 | b[1]));
        groups.push_back(hex_group(b[2] << 8 | b[3]));
    }
    return "[" + join(groups, ":") + "]";
}

bool ipv6_loopback(const std::array<std::uint64_t, 4>& w) {
    const bool zero = w[0] == 0 && w[1] == 0;
    return zero && ((w[2] == 0 && w[3] == 0x01000000) || (w[2] == 0xffff0000 && quad(w[3])[0] == 127));
}

std::optional<TcpListener> parse_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    const auto host = text.substr(0, colon);
    const auto port = hex(text.substr(colon + 1));
    if (!port || *port > 65535 || (host.size() != 8 && host.size() != 32))
        return std::nullopt;
    std::array<std::uint64_t, 4> w{};
    for (std::size_t i = 0; i * 8 < host.size(); ++i) {
        const auto word = hex(host.substr(i * 8, 8));
        if (!word)
            return std::nullopt;
        w[i] = *word;
    }
    TcpListener out;
    out.port = static_cast<std::uint16_t>(*port);
    out.loopback = host.size() == 8 ? quad(w[0])[0] == 127 : ipv6_loopback(w);
    out.address = (host.size() == 8 ? dotted(w[0]) : ipv6_text(w)) + ":" + std::to_string(*port);
    return out;
}

// Inodes of the sockets a process holds.
Result<std::set<std::uint64_t>> sockets_of(const host::Sysroot& root, int pid) {
    const std::string dir = "/proc/" + std::to_string(pid) + "/fd";
    PLIMSOLL_TRY(const auto entries, root.list(dir));
    std::set<std::uint64_t> out;
    for (const auto& e : entries) {
        const auto link = root.read_link(dir + "/" + e.name);
        if (link && link->starts_with("socket:[") && link->ends_with("]"))
            if (const auto inode = parse_u64(std::string_view(*link).substr(8, link->size() - 9)))
                out.insert(*inode);
    }
    return out;
}

// /proc/net is a link to self/net, the network of whoever reads; that of PID 1 is the host's.
Result<std::string> read_net(const host::Sysroot& root, const std::string& table) {
    auto text = root.read("/proc/1/net/" + table, proc_max);
    if (!text && text.error().code == Code::not_found)
        text = root.read("/proc/net/" + table, proc_max);
    return text;
}

Result<std::vector<TcpListener>> read_listeners(const host::Sysroot& root) {
    PLIMSOLL_TRY(const auto v4, read_net(root, "tcp"));
    auto out = parse_proc_net_tcp(v4);
    const auto v6 = read_net(root, "tcp6");
    if (v6)
        std::ranges::move(parse_proc_net_tcp(*v6), std::back_inserter(out));
    else if (v6.error().code != Code::not_found)  // a kernel without IPv6 has no such file
        return Failure(v6.error());
    return out;
}

Result<std::vector<EngineListener>> engine_listeners(const host::Host& host, const Inventory& inventory) {
    std::vector<EngineListener> out;
    if (!host.live())
        return out;
    if (!inventory.processes)
        return Failure(inventory.processes.error());
    if (inventory.processes->empty())
        return out;
    PLIMSOLL_TRY(const auto listeners, read_listeners(host.root()));
    if (listeners.empty())
        return out;
    for (const EngineProcess& p : *inventory.processes) {
        if (p.uid != 0 || p.child_ns == true)
            continue;
        PLIMSOLL_TRY(const auto inodes, sockets_of(host.root(), p.pid));
        for (const auto& l : listeners)
            if (inodes.contains(l.inode))
                out.push_back({l, p.engine, p.pid});
    }
    return out;
}

struct SocketPath {
    std::string engine;
    bool listening{false};
};

using SocketPaths = std::map<std::string, SocketPath>;

// What listens under one of the engines' socket names, wherever it does.
void add_listening(std::string_view proc_net_unix, SocketPaths& into) {
    for (const auto& [inode, path] : parse_proc_net_unix(proc_net_unix)) {
        const std::string real = path.starts_with("/var/run/") ? path.substr(4) : path;
        if (real.starts_with("/run/user/"))
            continue;  // what a user's own engine listens on is not root's
        for (const EngineInfo& e : engine_table)
            if (base_name(real) == base_name(e.socket))
                into.try_emplace(real, SocketPath{std::string(e.name)}).first->second.listening = true;
    }
}

SocketPaths socket_paths(const host::Host& host, Sockets& into) {
    SocketPaths out;
    for (const EngineInfo& e : engine_table)
        out.emplace(e.socket, SocketPath{std::string(e.name)});
    const auto text = read_net(host.root(), "unix");
    if (text)
        add_listening(*text, out);
    else
        into.problems.push_back(text.error());
    return out;
}

void look_at(const host::Sysroot& root, const std::string& path, const SocketPath& what, Sockets& into) {
    const auto st = root.stat(path);
    if (!st) {
        if (st.error().code != Code::not_found)
            into.problems.push_back(st.error());
        return;
    }
    if (!S_ISSOCK(st->st_mode))
        return;
    SocketFile f{path, what.engine, st->st_uid, st->st_gid, st->st_mode & 07777, what.listening};
    const auto acl = root.xattr(path, "system.posix_acl_access");
    if (!acl) {
        f.acl_problem = acl.error();
    } else if (*acl) {
        if (auto entries = parse_acl(**acl))
            f.acl = *std::move(entries);
        else
            f.acl_problem = std::move(entries).error();
    }
    into.files.push_back(std::move(f));
}

}  // namespace

std::map<std::uint64_t, std::string> parse_proc_net_unix(std::string_view text) {
    constexpr std::uint64_t accepting = 0x10000;  // __SO_ACCEPTCON
    std::map<std::uint64_t, std::string> out;
    for (const auto line : split_lines(text)) {
        const auto f = words(line);  // Num RefCount Protocol Flags Type St Inode Path
        if (f.size() < 8 || f[7].front() != '/')
            continue;
        const auto flags = hex(f[3]);
        const auto inode = parse_u64(f[6]);
        if (flags && inode && (*flags & accepting) != 0)
            out.emplace(*inode,
                        std::string(line.substr(static_cast<std::size_t>(f[7].data() - line.data()))));
    }
    return out;
}

std::vector<TcpListener> parse_proc_net_tcp(std::string_view text) {
    std::vector<TcpListener> out;
    for (const auto line : split_lines(text)) {
        const auto f = words(line);  // sl local rem st queues timer retransmits uid timeout inode …
        if (f.size() < 10 || f[3] != "0A")
            continue;
        auto listener = parse_address(f[1]);
        const auto inode = parse_u64(f[9]);
        if (!listener || !inode)
            continue;
        listener->inode = *inode;
        out.push_back(*std::move(listener));
    }
    return out;
}

bool is_tcp_host(std::string_view host) {
    return !host.empty() && !host.starts_with("unix:") && !host.starts_with("fd:") &&
           !host.starts_with("npipe:");
}

bool is_tcp_stream(std::string_view listen) {
    // Of the specifiers of systemd.unit(5) those that begin with a "/".
    static constexpr std::string_view paths = "CDELSTVYdfhsty";
    const bool specifier = listen.size() > 1 && listen[0] == '%' && paths.contains(listen[1]);
    return !specifier && !listen.starts_with('/') && !listen.starts_with('@') &&
           !listen.starts_with("vsock:");
}

Result<std::vector<AclEntry>> parse_acl(std::string_view bytes) {
    const auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
    };
    const auto u16 = [&](std::size_t i) { return static_cast<std::uint16_t>(byte(i) | byte(i + 1) << 8); };
    const auto u32 = [&](std::size_t i) {
        return byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    };
    if (bytes.size() < 4 || (bytes.size() - 4) % 8 != 0 || u32(0) != 2)
        return fail(Code::integrity, "not an access control list of version 2");
    std::vector<AclEntry> out;
    for (std::size_t i = 4; i < bytes.size(); i += 8)
        out.push_back({static_cast<AclEntry::Tag>(u16(i)), u16(i + 2), u32(i + 4)});
    return out;
}

Sockets read_sockets(const host::Host& host, const Inventory& inventory) {
    Sockets out;
    if (host.live())
        for (const auto& [path, what] : socket_paths(host, out))
            look_at(host.root(), path, what, out);
    out.tcp = engine_listeners(host, inventory);
    return out;
}

}  // namespace plimsoll::modules::rootless
