// SPDX-License-Identifier: Apache-2.0
// The ledger half of subid.hpp: one checksummed line per range that was ever given out.
#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "core/host/subid.hpp"

namespace plimsoll::host {
namespace {

constexpr std::size_t checksum_digits = 16;

std::string checksum(std::string_view body) {
    return sha256(body).substr(0, checksum_digits);
}

constexpr std::string_view hex_digits = "0123456789abcdef";

// An owner is one word in the ledger, whatever bytes it has: everything but visible ASCII is %XX.
std::string encode_owner(std::string_view owner) {
    std::string out;
    for (const char c : owner) {
        const auto b = static_cast<unsigned char>(c);
        if (b > 0x20 && b < 0x7f && c != '%')
            out += c;
        else
            out += {'%', hex_digits[b >> 4U], hex_digits[b & 15U]};
    }
    return out;
}

std::optional<std::string> decode_owner(std::string_view word) {
    std::string out;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] != '%') {
            out += word[i];
            continue;
        }
        if (i + 2 >= word.size())
            return std::nullopt;
        const auto high = hex_digits.find(word[i + 1]);
        const auto low = hex_digits.find(word[i + 2]);
        if (high == std::string_view::npos || low == std::string_view::npos)
            return std::nullopt;
        out += static_cast<char>((high << 4U) | low);
        i += 2;
    }
    return out;
}

std::optional<LedgerEntry> parse_line(std::string_view line) {
    const auto last_blank = line.rfind(' ');
    if (last_blank == std::string_view::npos ||
        line.substr(last_blank + 1) != checksum(line.substr(0, last_blank)))
        return std::nullopt;
    const auto f = split(line.substr(0, last_blank), ' ');
    if (f.size() != 5 || f[1].empty())
        return std::nullopt;
    const auto owner = decode_owner(f[1]);
    const auto start = parse_u64(f[2]);
    const auto count = parse_u64(f[3]);
    const bool uid = f[4] == "uid" || f[4] == "uid,gid";
    const bool gid = f[4] == "gid" || f[4] == "uid,gid";
    if (!owner || !start || !count || *count == 0 || (!uid && !gid))
        return std::nullopt;
    return LedgerEntry{*owner, range_of(*start, *count), uid, gid};
}

}  // namespace

Result<std::vector<LedgerEntry>> parse_ledger(std::string_view text, std::string_view path) {
    std::vector<LedgerEntry> out;
    const auto lines = split_lines(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto entry = parse_line(lines[i]);
        const bool torn = i + 1 == lines.size() && !text.ends_with('\n');
        if (entry)
            out.push_back(std::move(*entry));
        else if (!torn)
            return fail(Code::integrity,
                        std::string(path) + ":" + std::to_string(i + 1) + ": damaged line in the ledger");
    }
    return out;
}

std::string ledger_line(const LedgerEntry& e, std::string_view timestamp) {
    const std::string_view kinds = e.uid && e.gid ? "uid,gid" : e.uid ? "uid" : "gid";
    std::string body = std::string(timestamp) + " " + encode_owner(e.owner) + " " +
                       std::to_string(e.range.start) + " " + std::to_string(e.range.size()) + " ";
    body += kinds;
    return body + " " + checksum(body) + "\n";
}

}  // namespace plimsoll::host
