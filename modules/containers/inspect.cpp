// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.hpp"
#include "modules/containers/facts.hpp"
#include "modules/containers/process_table.hpp"
#include "modules/containers/sockets.hpp"

#include <algorithm>

namespace plimsoll::modules::containers {
namespace {

constexpr std::size_t device_budget = 1024;  // names in /dev

// File systems whose mounts show no file of the host.
bool is_kernels_own(std::string_view type) {
    return type == "mqueue" || type == "devpts" || type == "cgroup" || type == "cgroup2" || type == "nsfs" ||
           type == "bpf" || type == "securityfs";
}

class Inspector {
  public:
    Inspector(const host::Host& host, const std::vector<host::Mount>& mounts)
        : host_(host), mounts_(mounts), cgroups_(mounts), sockets_(find_service_sockets(host)) {}

    Inspected look_at(Container container) {
        Inspected out{.container = std::move(container)};
        const Container& c = out.container;
        for (const Member& m : c.members)
            out.labels.emplace(m.process.pid, label(m.process.pid));
        for (std::size_t kind = 0; kind < out.limits.size(); ++kind)
            out.limits[kind] =
                host::read_limit(host_.root(), cgroups_, c.cgroups, static_cast<host::LimitKind>(kind));
        if (c.mounts) {
            out.devices = devices(c);
            for (const host::Mount& m : *c.mounts)
                add_shared(m, out);
            add_drift(out);
        } else {
            out.devices = Failure(c.mounts.error());
            out.drift_unknown = c.mounts.error().message;
        }
        const auto now = host::read_process_stat(host_.root(), c.init);
        out.vanished = !now || now->start != c.start;
        return out;
    }

    [[nodiscard]] HostSide host_side(const host::Namespaces& ns) const {
        HostSide out{.ns = ns};
        for (const host::Mount& m : mounts_.all()) {
            if (m.shared)
                out.peer_groups.insert(*m.shared);
            if (m.type == "proc" && m.point == "/proc")
                out.proc_device = m.device;
            if (m.type == "sysfs" && m.point == "/sys")
                out.sys_device = m.device;
            out.legacy_cgroups = out.legacy_cgroups || m.type == "cgroup";
        }
        out.labels_processes = host_.root().exists("/proc/1/attr/current");
        const auto last = host::read_kernel_file(host_.root(), "/proc/sys/kernel/cap_last_cap", 64);
        const auto number = last ? parse_u64(trim(*last)) : std::nullopt;
        if (number && *number < 63)
            out.all_capabilities = (std::uint64_t{2} << *number) - 1;
        if (const auto& accounts = host_.accounts())
            for (const auto& u : accounts->users)
                out.accounts.try_emplace(u.uid, u.name);
        for (const std::string_view knob :
             {"vm/unprivileged_userfaultfd", "kernel/unprivileged_bpf_disabled", "kernel/io_uring_disabled"})
            if (const auto v = host::read_kernel_file(host_.root(), "/proc/sys/" + std::string(knob), 64))
                out.knobs.emplace(knob, trim(*v));
        return out;
    }

  private:
    [[nodiscard]] Result<std::string> label(int pid) const {
        auto text =
            host::read_kernel_file(host_.root(), "/proc/" + std::to_string(pid) + "/attr/current", 4096);
        if (!text)
            return text;
        while (!text->empty() && (text->back() == '\n' || text->back() == '\0'))
            text->pop_back();
        return text;
    }

    [[nodiscard]] Result<host::DeviceNodes> devices(const Container& c) const {
        const auto* dev = host::mount_at(*c.mounts, "/dev");
        if (dev == nullptr)
            return fail(Code::unsupported, "its /dev is not a mount of its own, and its root could block");
        return host::device_nodes(host_.root(), c.init, *dev, device_budget);
    }

    void add_shared(const host::Mount& m, Inspected& out) const {
        if (is_kernels_own(m.type))
            return;
        const auto path = mounts_.path_of(m);
        if (!path)
            return;
        SharedMount s{m.point, *path, m.read_only, m.type};
        if (!host::may_block(m.type) && m.root != "/" && !m.deleted) {
            const auto st = host_.root().lstat(*path);
            if (st && S_ISSOCK(st->st_mode)) {
                const auto it = sockets_.find({st->st_dev, st->st_ino});
                if (it != sockets_.end())
                    s.service = it->second.service;
                s.other_socket = it == sockets_.end();
            }
        }
        out.shared.push_back(std::move(s));
        add_sockets_below(*path, m, out);
    }

    // A folder that holds a service's socket gives it away as well.
    void add_sockets_below(const std::string& path, const host::Mount& m, Inspected& out) const {
        for (const auto& [id, socket] : sockets_)
            if (path != socket.path && host::is_within(socket.path, path) && path != "/")
                if (const auto* over = host::mount_of(mounts_.all(), socket.path);
                    over != nullptr && over->device == m.device)
                    out.shared.push_back({m.point + socket.path.substr(path.size()), socket.path, m.read_only,
                                          m.type, socket.service});
    }

    void add_drift(Inspected& out) const {
        const Container& c = out.container;
        const auto* top = host::mount_at(*c.mounts, "/");
        const auto upper =
            top != nullptr && top->type == "overlay" ? top->super_option("upperdir") : std::nullopt;
        if (top != nullptr && top->type == "overlay" && !upper && !top->read_only)
            out.drift_unknown = "its overlay does not tell the upper layer";
        if (top != nullptr && top->type == "fuse.fuse-overlayfs")
            out.drift_unknown = "fuse-overlayfs does not tell the kernel its layers";
        if (upper) {
            const auto* on = host::mount_of(mounts_.all(), *upper);
            if (on == nullptr || host::may_block(on->type))
                out.drift_unknown = "its upper layer is on a file system that could block";
        }
        for (const Member& m : c.members)
            if (m.process.exe)
                add_drift_of(m.process, out.drift_unknown.empty() ? upper : std::nullopt, out);
    }

    void add_drift_of(const host::Process& p, const std::optional<std::string>& upper, Inspected& out) const {
        if (p.exe->starts_with("/memfd:")) {
            // Runtimes copy themselves to a memfd so that a container cannot overwrite them.
            if (p.exe->find("runc_cloned") == std::string::npos && p.exe->find("crun") == std::string::npos)
                out.drift.push_back({p.pid, *p.exe, "runs from memory, without a file"});
            return;
        }
        if (p.exe_deleted)
            out.drift.push_back({p.pid, *p.exe, "its file was removed or replaced since it started"});
        if (!upper || p.exe->empty() || p.exe_deleted)
            return;
        // A program on a volume is on another mount, and not of the image either way.
        const auto* on = host::mount_of(*out.container.mounts, *p.exe);
        if (on == nullptr || on->point != "/")
            return;
        const std::string file = *upper + *p.exe;
        const auto st = host_.root().lstat(file);
        if (!st || !S_ISREG(st->st_mode))
            return;
        // Only owner or mode changed: the content is still the image's (overlayfs, metacopy).
        if (const auto mark = host_.root().xattr(file, "trusted.overlay.metacopy"); mark && *mark)
            return;
        out.drift.push_back({p.pid, *p.exe, "written to the upper layer (" + file + ")"});
    }

    const host::Host& host_;
    host::HostMounts mounts_;
    host::CgroupMounts cgroups_;
    std::map<SocketIdentity, ServiceSocket> sockets_;
};

}  // namespace

Facts inspect(const host::Host& host, Survey survey) {
    Facts out{.live = true};
    if (!survey.host_mounts) {
        out.host = Failure(survey.host_mounts.error());
        return out;
    }
    Inspector inspector(host, *survey.host_mounts);
    out.host = inspector.host_side(survey.host_ns);
    for (Container& c : survey.containers)
        out.containers.push_back(inspector.look_at(std::move(c)));
    out.sandboxes = std::move(survey.sandboxes);
    out.unplaced = std::move(survey.unplaced);
    return out;
}

}  // namespace plimsoll::modules::containers
