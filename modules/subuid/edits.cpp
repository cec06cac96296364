// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/edits.hpp"

namespace plimsoll::modules::subuid {

std::string path_of(IdKind kind) {
    return kind == IdKind::uid ? "/etc/subuid" : "/etc/subgid";
}

std::string_view noun_of(IdKind kind) {
    return kind == IdKind::uid ? "uid" : "gid";
}

void Edits::remove(IdKind kind, std::string line) {
    auto& f = files_[index_of(kind)];
    if (f.seen.insert(line).second)
        f.removed.push_back(std::move(line));
}

void Edits::replace(IdKind kind, std::string line, std::string by) {
    auto& f = files_[index_of(kind)];
    if (!f.seen.insert(line).second)
        return;
    f.replaced.push_back(std::move(line));
    f.replacements.push_back(std::move(by));
}

void Edits::add(IdKind kind, std::string line) {
    files_[index_of(kind)].added.push_back(std::move(line));
}

std::vector<policy::Change> Edits::changes() const {
    std::vector<policy::Change> out;
    for (const IdKind kind : id_kinds) {
        const auto& f = files_[index_of(kind)];
        if (!f.replaced.empty())
            out.emplace_back(policy::EditLines{path_of(kind), f.replaced, f.replacements, true});
        if (!f.removed.empty() || !f.added.empty())
            out.emplace_back(policy::EditLines{path_of(kind), f.removed, f.added, false});
    }
    return out;
}

}  // namespace plimsoll::modules::subuid
