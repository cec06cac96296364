// SPDX-License-Identifier: Apache-2.0
#include "core/host/host.hpp"

#include "core/base/text.hpp"
#include "core/host/packages.hpp"

namespace plimsoll::host {

Result<Host> Host::open(const std::string& dir) {
    PLIMSOLL_TRY(auto root, Sysroot::open(dir));
    const bool live = root.is_running();
    return Host(std::move(root), live);
}

Result<Host> Host::open_as_live(const std::string& dir) {
    PLIMSOLL_TRY(auto root, Sysroot::open(dir));
    return Host(std::move(root), true);
}

template <class T, class Read>
const Result<T>& Host::keep(Kept<T>& kept, Read read) const {
    Footprint* const recording = root_.recording();
    if (!kept.value || (recording != nullptr && !kept.footprint)) {
        kept.footprint.reset();
        if (recording != nullptr)
            root_.record(&kept.footprint.emplace());
        kept.value.emplace(read());
        root_.record(recording);
    }
    if (recording != nullptr)
        recording->merge(*kept.footprint);
    return *kept.value;
}

const Result<Accounts>& Host::accounts() const {
    return keep(accounts_, [this] { return read_accounts(root_); });
}

const Result<std::vector<Process>>& Host::processes() const {
    return keep(processes_, [this] {
        return live_ ? read_processes(root_)
                     : Result<std::vector<Process>>(fail(Code::unsupported, "not a running host"));
    });
}

const Result<UnitFiles>& Host::units() const {
    return keep(units_, [this] { return UnitFiles::open(root_); });
}

const Result<std::optional<UnitFile>>& Host::unit(const std::string& name) const {
    return keep(unit_[name], [&]() -> Result<std::optional<UnitFile>> {
        const auto& all = units();
        return all ? all->read(root_, name) : Failure(all.error());
    });
}

const Result<std::optional<std::string>>& Host::package_version(const std::string& package) const {
    return keep(package_versions_[package], [&]() -> Result<std::optional<std::string>> {
        PLIMSOLL_TRY(const auto versions, installed_versions(root_, {package}));
        const auto found = versions.find(package);
        return found == versions.end() ? std::nullopt : std::optional(found->second);
    });
}

void Host::forget() const {
    accounts_ = {};
    processes_ = {};
    units_ = {};
    unit_.clear();
    root_.forget();
    package_versions_.clear();
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
