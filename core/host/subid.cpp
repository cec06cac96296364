// SPDX-License-Identifier: Apache-2.0
#include "core/host/subid.hpp"

#include "core/base/text.hpp"
#include "core/host/c_number.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>

namespace plimsoll::host {
namespace {

constexpr std::uint64_t id_space = std::uint64_t{1} << 32;
constexpr auto max_u64 = std::numeric_limits<std::uint64_t>::max();
constexpr auto max_i64 = std::numeric_limits<std::int64_t>::max();

// shadow lib/subordinateio.c: char rangebuf[1024], a line that does not fit with its NUL is dropped.
constexpr std::size_t shadow_line_max = 1024;
// shadow lib/commonio.c reads with a buffer that starts at, and grows by, this size.
constexpr std::size_t shadow_buffer = 4096;
// bufio.MaxScanTokenSize: the Go readers' line scanner gives up on a longer line.
constexpr std::size_t go_line_max = std::size_t{64} * 1024;

// The first three fields, and how many there are; no allocation, as files of 100 000 lines are read at once.
struct Fields {
    std::array<std::string_view, 3> at{};
    std::size_t count{1};
};

Fields fields_of(std::string_view s) {
    Fields out;
    std::size_t begin = 0;
    for (auto colon = s.find(':'); colon != std::string_view::npos; colon = s.find(':', begin)) {
        if (out.count <= out.at.size())
            out.at[out.count - 1] = s.substr(begin, colon - begin);
        ++out.count;
        begin = colon + 1;
    }
    if (out.count <= out.at.size())
        out.at[out.count - 1] = s.substr(begin);
    return out;
}

std::uint64_t bits(const Number& n) {
    return static_cast<std::uint64_t>(n.value);
}

// Go's strings.TrimSpace: Unicode's White_Space, in UTF-8.
std::string_view trim_space(std::string_view s) {
    static constexpr std::array<std::string_view, 25> spaces{" ",
                                                             "\t",
                                                             "\n",
                                                             "\v",
                                                             "\f",
                                                             "\r",
                                                             "\xc2\x85",
                                                             "\xc2\xa0",
                                                             "\xe1\x9a\x80",
                                                             "\xe2\x80\x80",
                                                             "\xe2\x80\x81",
                                                             "\xe2\x80\x82",
                                                             "\xe2\x80\x83",
                                                             "\xe2\x80\x84",
                                                             "\xe2\x80\x85",
                                                             "\xe2\x80\x86",
                                                             "\xe2\x80\x87",
                                                             "\xe2\x80\x88",
                                                             "\xe2\x80\x89",
                                                             "\xe2\x80\x8a",
                                                             "\xe2\x80\xa8",
                                                             "\xe2\x80\xa9",
                                                             "\xe2\x80\xaf",
                                                             "\xe2\x81\x9f",
                                                             "\xe3\x80\x80"};
    const auto visible = [](char c) { return c > ' ' && c < 0x7f; };
    if (!s.empty() && visible(s.front()) && visible(s.back()))
        return s;
    for (bool more = true; more;) {
        more = false;
        for (const auto space : spaces) {
            if (s.starts_with(space)) {
                s.remove_prefix(space.size());
                more = true;
            }
            if (s.ends_with(space)) {
                s.remove_suffix(space.size());
                more = true;
            }
        }
    }
    return s;
}

// shadow lib/subordinateio.c subordinate_parse(), 4.13; `text` ends where a C string would.
std::optional<SubidEntry> read_shadow(std::string_view text, std::string_view& refused) {
    if (text.starts_with('+') || text.starts_with('-')) {
        refused = "a NIS line";
        return std::nullopt;
    }
    if (text.size() >= shadow_line_max) {
        refused = "longer than 1023 bytes";
        return std::nullopt;
    }
    const auto [f, count_of_fields] = fields_of(text);
    if (count_of_fields < 3 || f[0].empty() || f[1].empty() || f[2].empty()) {
        refused = "not three non-empty fields";
        return std::nullopt;
    }
    const auto start = c_unsigned(f[1]);
    const auto count = c_unsigned(f[2]);
    if (!start || !count) {
        refused = "not a number";
        return std::nullopt;
    }
    return SubidEntry{f[0], *start, *count};
}

// containers/storage idtools parseSubidFile(); sets `refuses` when the whole file is refused.
std::optional<SubidEntry> read_go(std::string_view text, std::string_view& refused, bool& refuses) {
    text = trim_space(text);
    if (text.empty() || text.starts_with('#'))
        return std::nullopt;
    const auto [f, count_of_fields] = fields_of(text);
    if (count_of_fields != 3) {
        refused = "not three fields";
        refuses = true;
        return std::nullopt;
    }
    const auto start = go_number(f[1]);
    const auto count = go_number(f[2]);
    if (!start.ok() || !count.ok()) {
        refused = "not a decimal number";
        return std::nullopt;
    }
    return SubidEntry{f[0], bits(start), bits(count)};
}

// moby/sys/user parseParts(): conversion errors ignored, missing fields stay zero.
std::optional<SubidEntry> read_moby(std::string_view text) {
    text = trim_space(text);
    if (text.empty())
        return std::nullopt;
    // A missing field is an empty one here: its number is 0 too.
    const auto f = fields_of(text).at;
    return SubidEntry{f[0], bits(go_number(f[1])), bits(go_number(f[2]))};
}

// What shadow's commonio_open() takes for lines: fgets(3) into a growing buffer, continued at strlen(3) while
// there is no newline before the first NUL. A line with a NUL is thus continued by the next one.
struct ShadowText {
    std::size_t offset;  // of its first byte
    std::string text;
};

std::vector<ShadowText> shadow_lines(std::string_view file) {
    std::vector<ShadowText> out;
    std::size_t at = 0;
    const auto fgets = [&](std::size_t room) {
        const auto newline = file.find('\n', at);
        const auto end = newline == std::string_view::npos ? file.size() : newline + 1;
        const auto n = std::min(end - at, room - 1);
        const auto chunk = file.substr(at, n);
        at += n;
        return chunk.substr(0, chunk.find('\0'));
    };
    while (at < file.size()) {
        ShadowText line{at, ""};
        std::size_t size = shadow_buffer;
        line.text = fgets(size);
        while (!line.text.ends_with('\n') && at < file.size()) {
            size += shadow_buffer;
            line.text += fgets(size - line.text.size());
        }
        if (line.text.ends_with('\n'))
            line.text.pop_back();
        out.push_back(std::move(line));
    }
    return out;
}

// Replaces the shadow view, for a file with NUL bytes, by what shadow really makes of it.
void reread_shadow(SubidFile& file) {
    const std::string_view text = *file.content;
    std::vector<std::size_t> line_starts{0};
    for (std::size_t i = text.find('\n'); i != std::string_view::npos; i = text.find('\n', i + 1))
        line_starts.push_back(i + 1);
    constexpr auto view = static_cast<std::size_t>(SubidView::shadow);
    std::map<int, SubidReadings> readings;
    for (const auto& line : file.lines) {
        auto& r = readings[line.number];
        r = line.readings ? *line.readings : SubidReadings{{line.common, line.common, line.common}};
        r.views[view].reset();
        r.refused[view] = "a NUL byte before it joins it to another line";
    }
    auto joined = std::make_shared<std::deque<std::string>>();
    for (auto& s : shadow_lines(text)) {
        const auto next = std::ranges::upper_bound(line_starts, s.offset);
        const auto r = readings.find(static_cast<int>(next - line_starts.begin()));
        if (r == readings.end())
            continue;
        r->second.refused[view] = {};
        r->second.views[view] = read_shadow(joined->emplace_back(std::move(s.text)), r->second.refused[view]);
    }
    for (auto& line : file.lines)
        line.readings = std::make_shared<const SubidReadings>(readings[line.number]);
    file.joined = std::move(joined);
}

// A decimal number that every reader takes alike: no sign, no leading zero, within 63 bits. Moves `at` behind
// it.
std::optional<std::uint64_t> plain_number(std::string_view line, std::size_t& at) {
    constexpr std::size_t most_digits = 18;
    const std::size_t first = at;
    std::uint64_t value = 0;
    for (; at < line.size() && line[at] >= '0' && line[at] <= '9'; ++at) {
        if (at - first == most_digits)
            return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(line[at] - '0');
    }
    if (at == first || (line[first] == '0' && at - first > 1))
        return std::nullopt;
    return value;
}

// The common case, in one pass: "OWNER:START:COUNT" that all readers take alike.
std::optional<SubidEntry> read_plain(std::string_view line) {
    if (line.size() >= shadow_line_max || line.empty() || line.front() <= ' ' || line.front() >= 0x7f ||
        line.front() == '#' || line.front() == '+' || line.front() == '-' || line.front() == ':')
        return std::nullopt;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    std::size_t at = colon + 1;
    const auto start = plain_number(line, at);
    if (!start || at == line.size() || line[at] != ':')
        return std::nullopt;
    const auto count = plain_number(line, ++at);
    if (!count || at != line.size())
        return std::nullopt;
    return SubidEntry{line.substr(0, colon), *start, *count};
}

// Every other line, reader by reader. The result is empty for a blank one.
std::shared_ptr<const SubidReadings> read_each(std::string_view line, bool& go_refuses_file) {
    if (trim(line).empty())
        return nullptr;
    auto out = std::make_shared<SubidReadings>();
    out->views[0] = read_shadow(line, out->refused[0]);
    out->views[2] = read_moby(line);
    go_refuses_file = line.size() >= go_line_max;
    if (!go_refuses_file)
        out->views[1] = read_go(line, out->refused[1], go_refuses_file);
    return out;
}

Range shadow_interval(const SubidEntry& e) {
    const std::uint64_t last = e.start + e.count - 1;  // wraps, as in shadow
    if (last < e.start)
        return {};
    return {e.start, last == max_u64 ? max_u64 : last + 1};
}

// [start, start + count) in signed arithmetic that does not wrap; empty for count <= 0.
struct SignedInterval {
    std::int64_t start{0};
    std::int64_t end{0};
};

SignedInterval signed_interval(const SubidEntry& e) {
    const auto start = static_cast<std::int64_t>(e.start);
    const auto count = static_cast<std::int64_t>(e.count);
    if (count <= 0)
        return {};
    return {start, start > max_i64 - count ? max_i64 : start + count};
}

}  // namespace

Range SubidEntry::range() const {
    const Range shadow = shadow_interval(*this);
    const auto go = signed_interval(*this);
    const Range positive{static_cast<std::uint64_t>(std::max<std::int64_t>(go.start, 0)),
                         static_cast<std::uint64_t>(std::max<std::int64_t>(go.end, 0))};
    if (shadow.empty() || positive.empty())
        return shadow.empty() ? positive : shadow;
    return {std::min(shadow.start, positive.start), std::max(shadow.end, positive.end)};
}

std::optional<Range> SubidLine::agreed() const {
    const SubidEntry* s = in(SubidView::shadow);
    if (s == nullptr || s->count == 0 || s->start >= id_space || s->count > id_space - s->start)
        return std::nullopt;
    for (const SubidView v : {SubidView::go, SubidView::moby})
        if (const SubidEntry* other = in(v); other == nullptr || *other != *s)
            return std::nullopt;
    return Range{s->start, s->start + s->count};
}

RangeSet handed_out(const SubidEntry& entry, SubidView view) {
    RangeSet out;
    if (view == SubidView::shadow) {
        const Range r = shadow_interval(entry);
        out.add({std::min(r.start, id_space), std::min(r.end, id_space)});
        return out;
    }
    const auto [start, end] = signed_interval(entry);
    if (start == end)
        return out;
    const auto length = static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(start);
    if (length >= id_space) {
        out.add({0, id_space});
        return out;
    }
    const std::uint64_t low = static_cast<std::uint64_t>(start) % id_space;
    out.add({low, std::min(low + length, id_space)});
    if (low + length > id_space)
        out.add({0, low + length - id_space});
    return out;
}

SubidFile parse_subid(std::string text, std::string path) {
    SubidFile out{std::move(path)};
    out.missing_final_newline = !text.empty() && !text.ends_with('\n');
    out.has_nul = text.find('\0') != std::string::npos;
    out.content = std::make_shared<const std::string>(std::move(text));
    std::string_view rest = *out.content;
    out.lines.reserve(static_cast<std::size_t>(std::ranges::count(rest, '\n')) + 1);
    for (int number = 1; !rest.empty(); ++number) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        if (const auto entry = read_plain(line)) {
            out.lines.push_back({number, false, line, *entry});
            continue;
        }
        bool refuses_file = false;
        auto readings = read_each(line, refuses_file);
        if (!readings)
            continue;
        if (refuses_file && !out.go_refuses)
            out.go_refuses =
                "line " + std::to_string(number) +
                (line.size() >= go_line_max ? " is longer than 64 KiB" : " does not have three fields");
        out.lines.push_back({number, false, line, {}, std::move(readings)});
    }
    if (out.go_refuses)
        for (auto& line : out.lines)
            line.go_refuses_file = true;
    if (out.has_nul)
        reread_shadow(out);
    return out;
}

RangeSet occupied(const SubidFile& file) {
    std::vector<Range> all;
    all.reserve(file.lines.size());
    for (const auto& line : file.lines) {
        if (const auto ids = line.agreed()) {
            all.push_back(*ids);
            continue;
        }
        for (const SubidView v : subid_views)
            if (const SubidEntry* entry = line.in(v)) {
                const auto ids = handed_out(*entry, v);
                all.insert(all.end(), ids.ranges().begin(), ids.ranges().end());
            }
    }
    // Adding in order keeps RangeSet's insertion at its end, also for 100 000 lines.
    std::ranges::sort(all, {}, &Range::start);
    RangeSet out;
    for (const Range& r : all)
        out.add(r);
    return out;
}

}  // namespace plimsoll::host
