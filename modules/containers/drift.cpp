// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/drift.hpp"

#include "core/base/text.hpp"

namespace plimsoll::modules::containers {
namespace {

class DriftFinder {
  public:
    DriftFinder(const host::Host& host, const std::vector<host::Mount>& host_mounts, Inspected& out)
        : host_(host), host_mounts_(host_mounts), out_(out) {}

    void run() {
        const Container& c = out_.container;
        if (!c.mounts()) {
            out_.drift_unknown = c.mounts().error().message;
            return;
        }
        upper_ = upper_layer();
        for (const Member& m : c.members)
            if (m.process.exe && !m.sandbox_program)
                look_at(m);
    }

  private:
    // nullopt: there is none, or what is written to it cannot be told (then drift_unknown says why).
    std::optional<std::string> upper_layer() {
        const auto* top = host::mount_at(*out_.container.mounts(), "/");
        if (top == nullptr) {
            out_.drift_unknown = "its mounts have no line for its root";
            return std::nullopt;
        }
        const auto upper = top->type == "overlay" ? top->super_option("upperdir") : std::nullopt;
        if (!upper) {
            if (top->type == "fuse.fuse-overlayfs")
                out_.drift_unknown = "fuse-overlayfs does not tell the kernel its layers";
            else if (!top->read_only)
                out_.drift_unknown =
                    "its root file system (" + top->type + ") is writable and does not tell what was written";
            return std::nullopt;
        }
        const auto* on = host::mount_of(host_mounts_, *upper);
        const auto st = upper->starts_with('/') && on != nullptr && !host::may_block(on->type)
                            ? host_.root().lstat(*upper)
                            : Result<struct stat>(fail(Code::unsupported, "it could block"));
        if (!upper->starts_with('/'))
            out_.drift_unknown =
                "its upper layer is told relative to a folder that is not known: " + printable(*upper, 80);
        else if (on == nullptr || host::may_block(on->type))
            out_.drift_unknown = "its upper layer is on a file system that could block";
        else if (!st || !S_ISDIR(st->st_mode))
            out_.drift_unknown = "its upper layer cannot be looked at: " +
                                 (st ? *upper + " is no folder" : st.error().message);
        return out_.drift_unknown.empty() ? upper : std::nullopt;
    }

    void wrong(const Member& m, std::string what) {
        out_.drift.push_back({m.process.pid, *m.process.exe, std::move(what)});
    }

    void unknown(std::string why) {
        if (out_.drift_unknown.empty())
            out_.drift_unknown = std::move(why);
    }

    void look_at(const Member& m) {
        const host::Process& p = m.process;
        if (p.exe->starts_with("/memfd:")) {
            // Runtimes copy themselves to a memfd so that a container cannot overwrite them.
            if (!m.forked_only)
                wrong(m, "runs from memory, without a file");
            return;
        }
        if (p.exe_deleted)
            return wrong(m, "its file was removed or replaced since it started");
        if (p.exe->empty())
            return;
        const auto* view = out_.container.view_of(m);
        if (view == nullptr || !view->mounts)
            return unknown("the mounts of pid " + std::to_string(p.pid) + " are not known");
        const auto* on = host::mount_of(*view->mounts, *p.exe);
        if (on == nullptr)
            return unknown("no mount of pid " + std::to_string(p.pid) + " has its program");
        if (on->point == "/")
            return look_in_upper(m);
        if (on->type == "tmpfs" || on->type == "ramfs" || on->type == "devtmpfs")
            return wrong(m, "runs from a " + on->type + " at " + printable(on->point, 80));
        if (!on->read_only)
            wrong(m, "runs from the writable volume at " + printable(on->point, 80));
    }

    void look_in_upper(const Member& m) {
        if (!upper_)
            return;
        const std::string file = *upper_ + *m.process.exe;
        const auto st = host_.root().lstat(file);
        if (!st && st.error().code != Code::not_found)
            return unknown(st.error().message);
        if (!st || !S_ISREG(st->st_mode))
            return;
        // Only owner or mode changed: the content is still the image's (overlayfs, metacopy).
        if (const auto mark = host_.root().xattr(file, "trusted.overlay.metacopy"); mark && *mark)
            return;
        wrong(m, "written to the upper layer (" + file + ")");
    }

    const host::Host& host_;
    const std::vector<host::Mount>& host_mounts_;
    Inspected& out_;
    std::optional<std::string> upper_{};
};

}  // namespace

void find_drift(const host::Host& host, const std::vector<host::Mount>& host_mounts, Inspected& out) {
    DriftFinder(host, host_mounts, out).run();
}

}  // namespace plimsoll::modules::containers
