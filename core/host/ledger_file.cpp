// SPDX-License-Identifier: Apache-2.0
#include "core/host/ledger_file.hpp"

#include "core/base/time.hpp"
#include "core/host/atomic_file.hpp"

#include <map>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace plimsoll::host {
namespace {

// The ids that the ledger has, by owner.
class Recorded {
  public:
    explicit Recorded(const std::vector<LedgerEntry>& ledger) {
        for (const auto& e : ledger)
            add(e);
    }

    void add(const LedgerEntry& e) {
        auto& ids = ids_[e.owner];
        if (e.uid)
            ids.uids.add(e.range);
        if (e.gid)
            ids.gids.add(e.range);
    }

    [[nodiscard]] bool has(const LedgerEntry& e) const {
        const auto it = ids_.find(e.owner);
        return it != ids_.end() && (!e.uid || it->second.uids.contains(e.range)) &&
               (!e.gid || it->second.gids.contains(e.range));
    }

  private:
    struct Ids {
        RangeSet uids{};
        RangeSet gids{};
    };

    std::map<std::string, Ids> ids_{};
};

std::string missing_lines(const std::vector<LedgerEntry>& fresh, Recorded recorded) {
    const std::string now = to_rfc3339(wall_clock());
    std::string out;
    for (const LedgerEntry& entry : fresh) {
        if (recorded.has(entry))
            continue;
        out += ledger_line(entry, now);
        recorded.add(entry);
    }
    return out;
}

// At the end of a file of `size` bytes. What an error leaves half written is cut off again.
Result<void> write_at_end(const Sysroot& root, const std::string& path, std::size_t size,
                          std::string_view lines) {
    PLIMSOLL_TRY(const Fd fd, root.open_at(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    struct stat st{};
    if (::fstat(fd.get(), &st) < 0)
        return fail_errno("stat " + path);
    if (!S_ISREG(st.st_mode))
        return fail(Code::integrity, path + ": is " + std::string(file_type_name(st.st_mode)));
    if (static_cast<std::size_t>(st.st_size) != size)
        return fail(Code::busy, path + ": somebody else changed it meanwhile");
    auto written = write_all(fd, lines, path);
    if (written && ::fdatasync(fd.get()) < 0)
        written = fail_errno("fdatasync " + path);
    if (!written)
        (void)::ftruncate(fd.get(), st.st_size);  // a torn line is cut off by the next who appends
    return written;
}

}  // namespace

Result<void> LedgerFile::parse(std::string text, const std::string& path) {
    if (!text.starts_with(lines_)) {
        lines_.clear();
        entries_.clear();
    }
    const std::size_t end = text.rfind('\n') + 1;
    auto more = parse_ledger(std::string_view(text).substr(lines_.size(), end - lines_.size()), path);
    if (!more)  // once more, for the right number of the line
        return Failure(parse_ledger(text, path).error());
    entries_.insert(entries_.end(), more->begin(), more->end());
    rest_ = text.substr(end);
    text.resize(end);
    lines_ = std::move(text);
    return {};
}

Result<std::vector<LedgerEntry>> LedgerFile::read(const Sysroot& root, const std::string& path) {
    auto text = root.read(path);
    if (!text && text.error().code != Code::not_found)
        return Failure(std::move(text).error());
    PLIMSOLL_CHECK(parse(text ? *std::move(text) : "", path));
    PLIMSOLL_TRY(const auto last, parse_ledger(rest_, path));
    auto out = entries_;
    out.insert(out.end(), last.begin(), last.end());
    return out;
}

Result<void> LedgerFile::append(const Sysroot& root, const std::string& path,
                                const std::vector<LedgerEntry>& fresh) {
    if (fresh.empty())
        return {};
    PLIMSOLL_TRY(const auto entries, read(root, path));
    const std::string missing = missing_lines(fresh, Recorded(entries));
    if (missing.empty())
        return {};
    if (lines_.size() + rest_.size() + missing.size() >= Sysroot::default_max)
        return fail(Code::unsupported, path + ": the ledger is full, so no line may go");
    if (rest_.empty() && !lines_.empty())
        return write_at_end(root, path, lines_.size(), missing);
    const bool whole = entries.size() > entries_.size();
    return replace_file(root, path, lines_ + (whole ? rest_ + "\n" : "") + missing,
                        {0600, ::geteuid(), ::getegid()});
}

}  // namespace plimsoll::host
