// SPDX-License-Identifier: Apache-2.0
// The lint of quadlets, and the tables of /proc/net and an ACL: any bytes, no verdict is wrong enough to
// crash.
#include "modules/rootless/cri.hpp"
#include "modules/rootless/quadlets.hpp"
#include "modules/rootless/sockets.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace plimsoll;
    using namespace plimsoll::modules::rootless;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Quadlet q{.path = "/q.container", .settings = host::parse_unit(text, "/q.container")};
    (void)unsafe_settings(q);
    (void)missing_hardening(q);
    (void)parse_proc_net_tcp(text);
    (void)parse_proc_net_unix(text);
    (void)parse_acl(text);
    Kubelet kubelet;
    (void)add_kubelet_config(text, "/k", kubelet);
    return 0;
}
