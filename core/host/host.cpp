// SPDX-License-Identifier: Apache-2.0
#include "core/host/host.hpp"

#include "core/base/text.hpp"

namespace plimsoll::host {

Result<Host> Host::open(const std::string& dir) {
    PLIMSOLL_TRY(auto root, Sysroot::open(dir));
    struct stat given{};
    struct stat own{};
    PLIMSOLL_TRY(given, root.stat("/"));
    if (::stat("/", &own) < 0)
        return fail_errno("stat /");
    const bool live = given.st_dev == own.st_dev && given.st_ino == own.st_ino;
    return Host(std::move(root), live);
}

Result<Host> Host::open_as_live(const std::string& dir) {
    PLIMSOLL_TRY(auto root, Sysroot::open(dir));
    return Host(std::move(root), true);
}

const Result<Accounts>& Host::accounts() const {
    if (!accounts_)
        accounts_ = read_accounts(root_);
    return *accounts_;
}

const Result<std::vector<Process>>& Host::processes() const {
    if (!processes_)
        processes_ = live_ ? read_processes(root_)
                           : Result<std::vector<Process>>(fail(Code::unsupported, "not a running host"));
    return *processes_;
}

void Host::forget() const {
    accounts_.reset();
    processes_.reset();
}

std::map<std::string, std::string> Host::os_release() const {
    std::map<std::string, std::string> out;
    auto text = root_.read("/etc/os-release");
    if (!text)
        text = root_.read("/usr/lib/os-release");
    if (!text)
        return out;
    for (const auto line : split_lines(*text)) {
        const auto eq = line.find('=');
        if (eq == std::string_view::npos || line.front() == '#')
            continue;
        auto value = trim(line.substr(eq + 1));
        if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
            value.back() == value.front())
            value = value.substr(1, value.size() - 2);
        out.emplace(trim(line.substr(0, eq)), value);
    }
    return out;
}

}  // namespace plimsoll::host
