// SPDX-License-Identifier: Apache-2.0
#include "core/host/xattrs.hpp"

#include "core/base/text.hpp"

#include <functional>

#include <sys/xattr.h>

namespace plimsoll::host {
namespace {

// The same calls for an open file and for a symlink, which cannot be opened.
struct Calls {
    std::string path;  // for messages
    std::function<ssize_t(char*, std::size_t)> list;
    std::function<ssize_t(const char*, char*, std::size_t)> get;
    std::function<int(const char*, const std::string&)> set;
    std::function<int(const char*)> remove;
};

Calls calls_for(const Fd& fd, const std::string& path) {
    const int n = fd.get();
    return {
        path, [n](char* p, std::size_t size) { return ::flistxattr(n, p, size); },
        [n](const char* name, char* p, std::size_t size) { return ::fgetxattr(n, name, p, size); },
        [n](const char* name, const std::string& v) { return ::fsetxattr(n, name, v.data(), v.size(), 0); },
        [n](const char* name) { return ::fremovexattr(n, name); }};
}

// There is no lgetxattrat() before Linux 6.13; the magic link pins the directory just as well.
Calls calls_for(const Place& at) {
    const std::string p = "/proc/self/fd/" + std::to_string(at.dir.get()) + "/" + at.name;
    return {at.path, [p](char* out, std::size_t size) { return ::llistxattr(p.c_str(), out, size); },
            [p](const char* name, char* out, std::size_t size) {
                return ::lgetxattr(p.c_str(), name, out, size);
            },
            [p](const char* name, const std::string& v) {
                return ::lsetxattr(p.c_str(), name, v.data(), v.size(), 0);
            },
            [p](const char* name) { return ::lremovexattr(p.c_str(), name); }};
}

// The kernel bounds names and values to 64 KiB each (XATTR_LIST_MAX, XATTR_SIZE_MAX).
constexpr std::size_t most = 65536;

Result<Xattrs> read_by(const Calls& calls) {
    std::string names(most, '\0');
    const ssize_t n = calls.list(names.data(), names.size());
    if (n < 0)
        return errno == EOPNOTSUPP ? Result<Xattrs>(Xattrs{}) : fail_errno("listxattr " + calls.path);
    names.resize(static_cast<std::size_t>(n));
    Xattrs out;
    for (const auto part : split(names, '\0')) {
        if (part.empty())
            continue;
        const std::string name(part);
        std::string value(most, '\0');
        const ssize_t size = calls.get(name.c_str(), value.data(), value.size());
        if (size < 0 && errno == ENODATA)
            continue;
        if (size < 0)
            return fail_errno("getxattr " + name + " of " + calls.path);
        value.resize(static_cast<std::size_t>(size));
        out.emplace(name, std::move(value));
    }
    return out;
}

// The kernel makes these by itself, and an SELinux label cannot be taken off at all.
bool may_stay(const std::string& name) {
    return name == "security.selinux" || speaks_of_content(name);
}

Result<void> write_by(const Calls& calls, const std::optional<Xattrs>& want) {
    PLIMSOLL_TRY(const auto have, read_by(calls));
    for (const auto& [name, value] : have) {
        const bool unwanted = want ? !want->contains(name) : name == acl_xattr;
        if (unwanted && !may_stay(name) && calls.remove(name.c_str()) < 0)
            return fail_errno("removexattr " + name + " of " + calls.path);
    }
    for (const auto& [name, value] : want.value_or(Xattrs{})) {
        const auto old = have.find(name);
        if ((old == have.end() || old->second != value) && calls.set(name.c_str(), value) < 0)
            return fail_errno("setxattr " + name + " of " + calls.path);
    }
    return {};
}

}  // namespace

bool speaks_of_content(const std::string& xattr) {
    return xattr == "security.ima" || xattr == "security.evm";
}

Result<Xattrs> read_xattrs(const Fd& fd, const std::string& path) {
    return read_by(calls_for(fd, path));
}

Result<Xattrs> read_link_xattrs(const Place& at) {
    return read_by(calls_for(at));
}

Result<void> write_xattrs(const Fd& fd, const std::string& path, const std::optional<Xattrs>& want) {
    return write_by(calls_for(fd, path), want);
}

Result<void> write_link_xattrs(const Place& at, const std::optional<Xattrs>& want) {
    return write_by(calls_for(at), want);
}

}  // namespace plimsoll::host
