// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/set_aside.hpp"

#include "core/host/place.hpp"

#include <algorithm>
#include <set>

#include <fcntl.h>

namespace plimsoll::daemon {
namespace {

constexpr std::string_view mark = ".corrupt-";

// "20261125T172536Z", and a number when there are several in one second.
std::string stamp(Time now, int attempt) {
    std::string out = to_rfc3339(now);
    std::erase_if(out, [](char c) { return c == '-' || c == ':'; });
    return attempt == 0 ? out : out + "." + std::to_string(attempt);
}

// A directory in the place of the database is not looked into; it is moved like anything else.
Result<void> move(const host::Place& at, const std::string& to) {
    for (const auto ending : database_endings) {
        const std::string from = at.name + std::string(ending);
        const std::string into = to + std::string(ending);
        if (::renameat(at.dir.get(), from.c_str(), at.dir.get(), into.c_str()) < 0 && errno != ENOENT)
            return fail_errno("rename " + from);
    }
    return {};
}

void remove_oldest(const host::Sysroot& root, const host::Place& at, std::size_t most) {
    const auto slash = at.path.rfind('/');
    const auto entries = root.list(at.path.substr(0, slash));
    if (!entries)
        return;
    std::set<std::string> copies;  // by time, as their names sort
    const std::string prefix = at.name + std::string(mark);
    for (const auto& e : *entries)
        if (e.name.starts_with(prefix) && !e.name.ends_with("-wal") && !e.name.ends_with("-shm"))
            copies.insert(e.name);
    for (; copies.size() > most; copies.erase(copies.begin()))
        for (const auto ending : database_endings)
            (void)::unlinkat(at.dir.get(), (*copies.begin() + std::string(ending)).c_str(), 0);
}

}  // namespace

Result<void> set_database_aside(const host::Sysroot& root, const std::string& path, Time now,
                                std::size_t most) {
    PLIMSOLL_TRY(const auto at, host::open_place(root, path));
    for (int attempt = 0; attempt < 100; ++attempt) {
        const std::string to = at.name + std::string(mark) + stamp(now, attempt);
        if (::faccessat(at.dir.get(), to.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        PLIMSOLL_CHECK(move(at, to));
        remove_oldest(root, at, most);
        return {};
    }
    return fail(Code::busy, path + ": too many damaged copies of one second");
}

}  // namespace plimsoll::daemon
