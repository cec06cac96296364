// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/docker_keys.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <optional>

namespace plimsoll::modules::rootless {
namespace {

enum class Type { boolean, integer, text, texts, objects, object, size };

struct Key {
    std::string_view name;
    Type type;
};

constexpr Key keys[] = {
    {"allow-direct-routing", Type::boolean},
    {"allow-nondistributable-artifacts", Type::texts},
    {"api-cors-header", Type::text},
    {"authorization-plugins", Type::texts},
    {"bip", Type::text},
    {"bip6", Type::text},
    {"bridge", Type::text},
    {"bridge-accept-fwmark", Type::text},
    {"builder", Type::object},
    {"cdi-spec-dirs", Type::texts},
    {"cgroup-parent", Type::text},
    {"cluster-advertise", Type::text},
    {"cluster-store", Type::text},
    {"cluster-store-opts", Type::object},
    {"containerd", Type::text},
    {"containerd-namespace", Type::text},
    {"containerd-plugins-namespace", Type::text},
    {"cpu-rt-period", Type::integer},
    {"cpu-rt-runtime", Type::integer},
    {"cri-containerd", Type::boolean},
    {"data-root", Type::text},
    {"debug", Type::boolean},
    {"default-address-pools", Type::objects},
    {"default-cgroupns-mode", Type::text},
    {"default-gateway", Type::text},
    {"default-gateway-v6", Type::text},
    {"default-ipc-mode", Type::text},
    {"default-network-opts", Type::object},
    {"default-runtime", Type::text},
    {"default-shm-size", Type::size},
    {"default-stop-timeout", Type::integer},
    {"default-ulimits", Type::object},
    {"deprecated-key-path", Type::text},
    {"disable-legacy-registry", Type::boolean},
    {"dns", Type::texts},
    {"dns-opts", Type::texts},
    {"dns-search", Type::texts},
    {"exec-opts", Type::texts},
    {"exec-root", Type::text},
    {"experimental", Type::boolean},
    {"features", Type::object},
    {"firewall-backend", Type::text},
    {"fixed-cidr", Type::text},
    {"fixed-cidr-v6", Type::text},
    {"graph", Type::text},
    {"group", Type::text},
    {"host-gateway-ip", Type::text},
    {"host-gateway-ips", Type::texts},
    {"hosts", Type::texts},
    {"icc", Type::boolean},
    {"init", Type::boolean},
    {"init-path", Type::text},
    {"insecure-registries", Type::texts},
    {"ip", Type::text},
    {"ip-forward", Type::boolean},
    {"ip-forward-no-drop", Type::boolean},
    {"ip-masq", Type::boolean},
    {"ip6tables", Type::boolean},
    {"iptables", Type::boolean},
    {"ipv6", Type::boolean},
    {"labels", Type::texts},
    {"live-restore", Type::boolean},
    {"log-driver", Type::text},
    {"log-format", Type::text},
    {"log-level", Type::text},
    {"log-opts", Type::object},
    {"max-concurrent-downloads", Type::integer},
    {"max-concurrent-uploads", Type::integer},
    {"max-download-attempts", Type::integer},
    {"metrics-addr", Type::text},
    {"min-api-version", Type::text},
    {"mtu", Type::integer},
    {"network-control-plane-mtu", Type::integer},
    {"network-diagnostic-port", Type::integer},
    {"no-new-privileges", Type::boolean},
    {"node-generic-resources", Type::texts},
    {"nri-opts", Type::object},
    {"oom-score-adjust", Type::integer},
    {"pidfile", Type::text},
    {"proxies", Type::object},
    {"raw-logs", Type::boolean},
    {"registry-mirrors", Type::texts},
    {"rootless", Type::boolean},
    {"runtimes", Type::object},
    {"seccomp-profile", Type::text},
    {"selinux-enabled", Type::boolean},
    {"shutdown-timeout", Type::integer},
    {"storage-driver", Type::text},
    {"storage-opts", Type::texts},
    {"swarm-default-advertise-addr", Type::text},
    {"tls", Type::boolean},
    {"tlscacert", Type::text},
    {"tlscert", Type::text},
    {"tlskey", Type::text},
    {"tlsverify", Type::boolean},
    {"userland-proxy", Type::boolean},
    {"userland-proxy-path", Type::text},
    {"userns-remap", Type::text},
};

constexpr std::string_view proxies[] = {"http-proxy", "https-proxy", "no-proxy"};

bool all_of(const Value& v, bool (*is)(const Value&)) {
    return v.array() != nullptr && std::ranges::all_of(*v.array(), is);
}

bool fits(const Value& v, Type type) {
    const auto is_text = [](const Value& e) { return e.string() != nullptr || e.is_null(); };
    const auto is_object = [](const Value& e) { return e.table() != nullptr || e.is_null(); };
    switch (type) {
        case Type::boolean:
            return v.boolean() != nullptr;
        case Type::integer:
            return v.integer() != nullptr;
        case Type::text:
            return v.string() != nullptr;
        case Type::texts:
            return all_of(v, is_text);
        case Type::objects:
            return all_of(v, is_object);
        case Type::object:
            return v.table() != nullptr;
        case Type::size:
            return v.string() != nullptr || v.integer() != nullptr;
    }
    return false;
}

std::string_view name_of(Type type) {
    static constexpr std::string_view names[] = {"true or false",   "a whole number",    "a text",
                                                 "a list of texts", "a list of objects", "an object",
                                                 "a size"};
    return names[static_cast<std::size_t>(type)];
}

DockerKeyFault unknown_key(const std::string& key, const std::string& shown) {
    return {key, "key " + printable(shown, 80), "a key that dockerd is known to have"};
}

// dockerd looks at the keys within proxies as if they stood outside: {"proxies": {"icc": true}} counts.
void add_proxy_faults(const Table& table, DockerKeyFaults& out) {
    for (const Member& m : table)
        if (std::ranges::find(proxies, m.key) == std::end(proxies))
            out.unknown.push_back(unknown_key("proxies", "proxies." + m.key));
        else if (m.value.string() == nullptr && !m.value.is_null())
            out.types.push_back({"proxies", m.key + " is " + std::string(m.value.type_name()), "a text"});
}

}  // namespace

DockerKeyFaults docker_key_faults(const Table& root) {
    DockerKeyFaults out;
    for (const Member& m : root) {
        const auto* const key = std::ranges::find(keys, m.key, &Key::name);
        if (key == std::end(keys))
            out.unknown.push_back(unknown_key(m.key, m.key));
        else if (!m.value.is_null() && !fits(m.value, key->type))
            out.types.push_back(
                {m.key, m.key + " is " + std::string(m.value.type_name()), std::string(name_of(key->type))});
        else if (m.key == "proxies" && m.value.table() != nullptr)
            add_proxy_faults(*m.value.table(), out);
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
