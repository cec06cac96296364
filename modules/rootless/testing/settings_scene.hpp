// SPDX-License-Identifier: Apache-2.0
// For the census of the environment and engine-config modules: short ways to arrange a scene.
#pragma once
#include "modules/rootless/engine_config.hpp"
#include "modules/rootless/environment.hpp"
#include "tests/support/census.hpp"
#include "tests/support/strict.hpp"

#include <string>

namespace plimsoll::modules::rootless::testing {

inline constexpr const char* escape = "\x1b[2J\x1b]0;x\a";
inline constexpr const char* containers_conf = "etc/containers/containers.conf";
inline constexpr const char* storage_conf = "etc/containers/storage.conf";

// A host with alice, who has subordinate ids.
template <class M>
void with_alice(tests::Scene<M>& s) {
    s.tree.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
    s.tree.write("etc/group", "root:x:0:\n");
    s.tree.write("etc/subuid", "alice:100000:65536\n");
}

template <class M>
void with_podman(tests::Scene<M>& s) {
    s.tree.write("var/lib/dpkg/status",
                 "Package: podman\nStatus: install ok installed\nVersion: 5.4.2+ds1-2\n\n");
    s.tree.write("usr/bin/podman", "", 0755);
    s.tree.write("usr/bin/pasta", "", 0755);
}

template <class M>
using Arrange = std::function<void(tests::Scene<M>&)>;

template <class M>
Arrange<M> nothing() {
    return [](tests::Scene<M>&) {};
}

template <class M>
Arrange<M> file(std::string path, std::string content) {
    return [=](tests::Scene<M>& s) { s.tree.write(path, content); };
}

template <class M>
Arrange<M> fifo(std::string path) {
    return [=](tests::Scene<M>& s) { s.tree.fifo(path); };
}

template <class M>
Arrange<M> podman_and(std::string path, std::string content) {
    return [=](tests::Scene<M>& s) {
        with_podman(s);
        s.tree.write(path, content);
    };
}

}  // namespace plimsoll::modules::rootless::testing
