// SPDX-License-Identifier: Apache-2.0
#include "core/host/journal.hpp"

#include "core/base/digest.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace plimsoll::host {
namespace {

constexpr std::string_view suffix = ".json";

std::optional<std::uint64_t> id_of(std::string_view name) {
    if (!name.ends_with(suffix))
        return std::nullopt;
    return parse_u64(name.substr(0, name.size() - suffix.size()));
}

}  // namespace

Result<void> Journal::prepare() const {
    for (const std::string& dir : {dir_, dir_ + "/journal", dir_ + "/blobs"}) {
        PLIMSOLL_CHECK(make_private_directory(*root_, dir));
        PLIMSOLL_TRY(const auto inside, open_place(*root_, dir + "/any"));
        remove_all_leftovers(inside);
    }
    return {};
}

std::string Journal::entry_path(std::uint64_t id) const {
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "%012llu", static_cast<unsigned long long>(id));
    return dir_ + "/journal/" + name.data() + std::string(suffix);
}

Result<std::vector<std::uint64_t>> Journal::ids() const {
    const auto entries = root_->list(dir_ + "/journal");
    if (!entries && entries.error().code == Code::not_found)
        return std::vector<std::uint64_t>{};
    if (!entries)
        return Failure(entries.error());
    std::vector<std::uint64_t> out;
    for (const auto& e : *entries)
        if (const auto id = id_of(e.name))
            out.push_back(*id);
    std::ranges::sort(out);
    return out;
}

Result<Entry> Journal::load(std::uint64_t id) const {
    const std::string path = entry_path(id);
    const auto text = root_->read(path);
    if (!text && text.error().code == Code::not_found)
        return fail(Code::not_found, "the journal has no entry " + std::to_string(id));
    if (!text)
        return Failure(text.error());
    PLIMSOLL_TRY(auto entry, read_entry(*text, path));
    if (entry.id != id)
        return fail(Code::integrity, path + ": damaged journal entry: it says to be another one");
    return entry;
}

Result<void> Journal::save(const Entry& entry) const {
    return replace_own_file(*root_, entry_path(entry.id), write_entry(entry));
}

Result<void> Journal::keep_content(const std::string& digest, const std::string& content) const {
    if (load_content(digest))
        return {};
    return replace_own_file(*root_, dir_ + "/blobs/" + digest, content);
}

Result<std::string> Journal::load_content(const std::string& digest) const {
    const std::string path = dir_ + "/blobs/" + digest;
    PLIMSOLL_TRY(auto content, root_->read(path));
    if (sha256(content) != digest)
        return fail(Code::integrity, path + ": damaged: the checksum does not match");
    return content;
}

}  // namespace plimsoll::host
