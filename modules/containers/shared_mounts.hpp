// SPDX-License-Identifier: Apache-2.0
// What a container's mounts show of the host: paths, sockets, layers of overlays, device nodes.
#pragma once
#include "modules/containers/facts.hpp"
#include "modules/containers/sockets.hpp"

namespace plimsoll::modules::containers {

class SharedMounts {
  public:
    // All must outlive it.
    SharedMounts(const host::Host& host, const HostPlaces& places,
                 const std::map<SocketIdentity, ServiceSocket>& sockets);

    // Adds to shared and shared_unknown, of all views.
    void add_shared(Inspected& out) const;

    // The nodes in /dev of every view, and those that are mounted one by one or as a folder.
    [[nodiscard]] Result<host::DeviceNodes> devices(const Container& container) const;

  private:
    void add_mount(const host::Mount& mount, Inspected& out) const;
    void add_layers(const host::Mount& mount, Inspected& out) const;
    void add_sockets_below(const host::Mount& mount, Inspected& out) const;
    void tell_socket(const host::Mount& mount, SharedMount& out) const;
    void add_mounted_devices(const std::vector<host::Mount>& mounts, host::DeviceNodes& out) const;
    void add_device(const host::Mount& mount, host::DeviceNodes& out) const;

    const host::Host& host_;
    const HostPlaces& places_;
    std::map<SocketIdentity, ServiceSocket> sockets_;
    std::vector<std::pair<SocketIdentity, Place>> socket_places_{};
};

}  // namespace plimsoll::modules::containers
