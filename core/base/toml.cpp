// SPDX-License-Identifier: Apache-2.0
#include "core/base/toml.hpp"

#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "core/base/time.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>
#include <tuple>

// toml++ 3.3.0 (Debian 12) aborts through TOML_ASSERT on a file as small as "[{", and reaches
// TOML_UNREACHABLE on some non-ASCII bytes (marzer/tomlplusplus #190, #295). So: its asserts are off, it is
// used header-only (Debian's shared library has them on), and it is only ever given ASCII (see to_ascii).
#define TOML_ASSERT(expr) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_WINDOWS_COMPAT 0
#define TOML_MAX_NESTED_VALUES 64
#include <toml++/toml.h>

namespace plimsoll {
namespace {

// Deeper documents are refused: toml++ and Converter recurse once per level.
constexpr int max_dots = 31;  // in one key or table header

// Bytes that are not ASCII travel through toml++ as MARK + two hex digits.
class Ascii {
  public:
    explicit Ascii(std::string_view original);

    [[nodiscard]] const std::string& text() const { return text_; }

    // Of a string or message that came from text().
    [[nodiscard]] std::string restore(const std::string& s) const;
    // Of an error's description, which may quote the beginning of a mark.
    [[nodiscard]] std::string reason(std::string description) const;
    // Line and column (in characters) in the original.
    [[nodiscard]] Position position(const toml::source_position& p) const;

  private:
    struct Escape {
        std::size_t at;          // offset of the mark in text_
        std::size_t characters;  // that began in the original up to and with this byte
    };

    std::string text_;
    std::string mark_;  // empty: the original was ASCII already
    std::vector<Escape> escapes_;
    std::vector<std::size_t> lines_;  // offset of each line's start; only with a mark
};

bool is_high(char c) {
    return static_cast<unsigned char>(c) >= 0x80;
}

// A mark that no string of the document can contain. Where there are escapes ("\u0060" is "`") the raw text
// does not tell what the strings hold, but nobody can write a text that contains a piece of its own digest.
// It begins with a character that is nowhere else in it, so that no text before it can seem to begin it; and
// that may not be in a bare key, where TOML has ASCII only.
std::string mark_for(std::string_view text) {
    if (text.find('\\') != std::string_view::npos)
        return "`" + sha256(text).substr(0, 16) + "x";
    for (int n = 0;; ++n)
        if (std::string mark = "`" + std::to_string(n) + "x"; text.find(mark) == std::string_view::npos)
            return mark;
}

Ascii::Ascii(std::string_view original) {
    if (std::ranges::none_of(original, is_high)) {
        text_ = original;
        return;
    }
    mark_ = mark_for(original);
    static constexpr std::string_view hex = "0123456789abcdef";
    std::size_t characters = 0;
    lines_.push_back(0);
    for (const char c : original) {
        if (!is_high(c)) {
            text_ += c;
            if (c == '\n')
                lines_.push_back(text_.size());
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        characters += (byte & 0xc0) != 0x80 ? 1 : 0;
        escapes_.push_back({text_.size(), characters});
        text_ += mark_;
        text_ += hex[byte >> 4];
        text_ += hex[byte & 15];
    }
}

std::string Ascii::restore(const std::string& s) const {
    if (mark_.empty() || s.find(mark_) == std::string::npos)
        return s;
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string out;
    std::size_t done = 0;
    for (std::size_t at = 0; (at = s.find(mark_, done)) != std::string::npos;) {
        const std::size_t d = at + mark_.size();
        if (d + 1 >= s.size())  // cut off in a message
            break;
        out.append(s, done, at - done);
        out += static_cast<char>(digit(s[d]) * 16 + digit(s[d + 1]));
        done = d + 2;
    }
    return out.append(s, done);
}

std::string Ascii::reason(std::string description) const {
    static constexpr std::string_view quoted_mark = "'`'";
    description = restore(description);
    if (const auto at = description.find(quoted_mark); !mark_.empty() && at != std::string::npos)
        description.replace(at, quoted_mark.size(), "a character that is not ASCII");
    return description;
}

Position Ascii::position(const toml::source_position& p) const {
    Position out{static_cast<int>(p.line), static_cast<int>(p.column)};
    if (mark_.empty() || p.line == 0 || p.line > lines_.size() || p.column == 0)
        return out;
    const std::size_t start = lines_[p.line - 1];
    const auto before = [&](std::size_t offset) {
        return std::ranges::lower_bound(escapes_, offset, {}, &Escape::at);
    };
    const auto first = before(start);
    const auto last = before(start + p.column - 1);
    if (first == last)
        return out;
    const std::size_t earlier = first == escapes_.begin() ? 0 : std::prev(first)->characters;
    const auto bytes = static_cast<std::size_t>(last - first);
    const std::size_t extra = bytes * (mark_.size() + 2) - (std::prev(last)->characters - earlier);
    out.column = static_cast<int>(p.column - std::min<std::size_t>(extra, p.column - 1));
    return out;
}

// Walks over the parts of a document that are not strings or comments. Only for max_dots: what the document
// means is toml++'s to say.
class DotCounter {
  public:
    explicit DotCounter(std::string_view text) : text_(text) {}

    // Offset of a dot too many in one key.
    [[nodiscard]] std::optional<std::size_t> excess() {
        int dots = 0;
        for (at_ = 0; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '#')
                skip_comment();
            else if (c == '"' || c == '\'')
                skip_string(c);
            if (c == '.' && ++dots > max_dots)
                return at_;
            if (std::string_view("#\n=,[]{}").find(c) != std::string_view::npos)
                dots = 0;
        }
        return std::nullopt;
    }

  private:
    void skip_comment() { at_ = std::min(text_.find('\n', at_), text_.size()); }

    // Leaves at_ on the last character of the string.
    void skip_string(char quote) {
        const std::string three(3, quote);
        const bool multiline = text_.substr(at_, 3) == three;
        at_ += multiline ? 3 : 1;
        for (; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\\' && quote == '"')
                ++at_;
            else if (multiline ? text_.substr(at_, 3) == three : text_[at_] == quote || text_[at_] == '\n')
                break;
        }
        at_ += multiline ? 2 : 0;
    }

    std::string_view text_;
    std::size_t at_{0};
};

DateTime datetime(const toml::date& d, const toml::time& t, const toml::time_offset* offset) {
    using namespace std::chrono;
    const auto day = sys_days{year{d.year} / month{d.month} / d.day};
    auto at = day + hours{t.hour} + minutes{t.minute} + seconds{t.second};
    if (offset != nullptr)
        at -= minutes{offset->minutes};
    return {at, offset != nullptr, false};
}

class Converter {
  public:
    explicit Converter(const Ascii& ascii) : ascii_(ascii) {}

    Value node(const toml::node& n) const {
        Value v = n.visit([this](const auto& typed) { return convert(typed); });
        v.where = ascii_.position(n.source().begin);
        return v;
    }

    Value convert(const toml::table& t) const {
        Table out;
        for (const auto& [key, child] : t)
            out.append(
                {ascii_.restore(std::string(key.str())), node(child), ascii_.position(key.source().begin)});
        // toml++ keeps keys sorted; the source order is what a reader of messages expects.
        std::ranges::sort(out, [](const Member& a, const Member& b) {
            return std::tie(a.key_at.line, a.key_at.column, a.key) <
                   std::tie(b.key_at.line, b.key_at.column, b.key);
        });
        return out;
    }

    Value convert(const toml::array& a) const {
        Array out;
        for (const auto& child : a)
            out.push_back(node(child));
        return out;
    }

    Value convert(const toml::value<std::string>& v) const { return ascii_.restore(v.get()); }

    Value convert(const toml::value<std::int64_t>& v) const { return v.get(); }

    Value convert(const toml::value<double>& v) const { return v.get(); }

    Value convert(const toml::value<bool>& v) const { return v.get(); }

    Value convert(const toml::value<toml::date>& v) const {
        DateTime day = datetime(v.get(), toml::time{}, nullptr);
        day.date_only = true;
        return day;
    }

    Value convert(const toml::value<toml::time>& v) const {
        std::ostringstream s;
        s << v.get();
        return s.str();
    }

    Value convert(const toml::value<toml::date_time>& v) const {
        const auto& d = v.get();
        return datetime(d.date, d.time, d.offset ? &*d.offset : nullptr);
    }

  private:
    const Ascii& ascii_;
};

std::string at_line(std::string_view source, std::string_view text, std::size_t offset,
                    std::string_view why) {
    const auto line = 1 + std::ranges::count(text.substr(0, offset), '\n');
    const auto column = offset - (text.substr(0, offset).rfind('\n') + 1) + 1;
    return std::string(source) + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " +
           std::string(why);
}

// ---- writing ----

bool bare_key(std::string_view k) {
    return !k.empty() && std::ranges::all_of(k, [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == '-';
    });
}

// Not "quoted": argument-dependent look-up would find std::quoted() too.
std::string in_quotes(std::string_view s) {
    static constexpr std::string_view hex = "0123456789abcdef";
    std::string out = "\"";
    for (const char ch : s) {
        const auto c = static_cast<unsigned char>(ch);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += ch;
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (c < 0x20 || c == 0x7f) {
            out += "\\u00";
            out += hex[c >> 4];
            out += hex[c & 15];
        } else {
            out += ch;
        }
    }
    return out + "\"";
}

std::string key_text(std::string_view k) {
    return bare_key(k) ? std::string(k) : in_quotes(k);
}

std::string number(double d) {
    if (std::isnan(d))
        return "nan";
    if (std::isinf(d))
        return d > 0 ? "inf" : "-inf";
    std::ostringstream s;
    s.precision(17);
    s << d;
    std::string text = s.str();
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string inline_value(const Value& v);

std::string inline_table(const Table& t) {
    std::string out = "{";
    for (const auto& m : t) {
        if (m.value.is_null())
            continue;
        out += (out.size() > 1 ? ", " : " ") + key_text(m.key) + " = " + inline_value(m.value);
    }
    return out + (out.size() > 1 ? " }" : "}");
}

std::string inline_value(const Value& v) {
    if (const auto* s = v.string())
        return in_quotes(*s);
    if (const auto* b = v.boolean())
        return *b ? "true" : "false";
    if (const auto* i = v.integer())
        return std::to_string(*i);
    if (const auto* d = v.real())
        return number(*d);
    if (const auto* t = v.datetime()) {
        std::string text = to_rfc3339(t->time);
        if (t->date_only)
            text.resize(text.find('T'));
        else if (!t->has_offset)
            text.pop_back();
        return text;
    }
    if (const auto* t = v.table())
        return inline_table(*t);
    std::string out = "[";
    if (const auto* a = v.array())
        for (const auto& e : *a)
            out += (out.size() > 1 ? ", " : "") + inline_value(e);
    return out + "]";
}

void write_table(const Table& t, const std::string& prefix, std::string& out) {
    for (const auto& m : t)
        if (m.value.table() == nullptr && !m.value.is_null())
            out += key_text(m.key) + " = " + inline_value(m.value) + "\n";
    for (const auto& m : t)
        if (const Table* child = m.value.table()) {
            const std::string name = prefix.empty() ? key_text(m.key) : prefix + "." + key_text(m.key);
            out += (out.empty() ? "[" : "\n[") + name + "]\n";
            write_table(*child, name, out);
        }
}

// Nothing but a comment, and one that TOML permits: no control characters but tabs.
bool is_comment(std::string_view line) {
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    const auto first = line.find_first_not_of(" \t");
    return first != std::string_view::npos && line[first] == '#' && std::ranges::none_of(line, [](char c) {
               const auto b = static_cast<unsigned char>(c);
               return (b < 0x20 && c != '\t') || b == 0x7f;
           });
}

// toml++ looks at every character of a comment several times, and vendors' files are hardly anything else:
// such lines become empty, so that every other one keeps its number. A multi-line string could hold what only
// looks like a comment.
std::string without_comments(std::string_view text) {
    if (text.find("\"\"\"") != std::string_view::npos || text.find("'''") != std::string_view::npos)
        return std::string(text);
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const auto line = text.substr(at, end - at);
        if (!is_comment(line))
            out += line;
        if (end < text.size())
            out += '\n';
        at = end + 1;
    }
    return out;
}

}  // namespace

Result<Value> parse_toml(std::string_view text, std::string_view source) {
    if (const auto nul = text.find('\0'); nul != std::string_view::npos)
        return fail(Code::invalid_input, at_line(source, text, nul, "a NUL byte is not allowed in TOML"));
    if (!valid_utf8(text)) {
        std::size_t good = 0;  // the first line that is not UTF-8
        for (const auto line : split(text, '\n')) {
            if (!valid_utf8(line))
                break;
            good += line.size() + 1;
        }
        return fail(Code::invalid_input,
                    at_line(source, text, std::min(good, text.size()), "not UTF-8 text"));
    }
    const std::string bare = without_comments(text);
    if (const auto dot = DotCounter(bare).excess())
        return fail(
            Code::invalid_input,
            at_line(source, bare, *dot, "a key of more than " + std::to_string(max_dots + 1) + " parts"));
    const Ascii ascii(bare);
    auto parsed = toml::parse(ascii.text(), std::string(source));
    if (!parsed) {
        const auto& e = parsed.error();
        const Position at = ascii.position(e.source().begin);
        return fail(Code::invalid_input, std::string(source) + ":" + std::to_string(at.line) + ":" +
                                             std::to_string(at.column) + ": " +
                                             ascii.reason(std::string(e.description())));
    }
    return Converter(ascii).node(parsed.table());
}

std::string to_toml(const Table& table) {
    std::string out;
    write_table(table, "", out);
    return out;
}

}  // namespace plimsoll
