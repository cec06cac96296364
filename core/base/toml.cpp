// SPDX-License-Identifier: Apache-2.0
#include "core/base/toml.hpp"

#include "core/base/text.hpp"
#include "core/base/time.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

// toml++ 3.3.0 (Debian 12) aborts through TOML_ASSERT on a file as small as "[{", and reaches
// TOML_UNREACHABLE on some non-ASCII bytes (marzer/tomlplusplus #190, #295). So: its asserts are off, it is
// used header-only (Debian's shared library has them on), and it is only ever given ASCII (see to_ascii).
#define TOML_ASSERT(expr) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_WINDOWS_COMPAT 0
#include <toml++/toml.h>

namespace plimsoll {
namespace {

// Bytes that are not ASCII travel through toml++ as MARK + two hex digits; MARK does not occur in the text.
struct Ascii {
    std::string text;
    std::string mark;  // empty: the text was ASCII already
};

Ascii to_ascii(std::string_view text) {
    const auto high = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
    if (std::ranges::none_of(text, high))
        return {std::string(text), ""};
    Ascii out;
    for (int n = 0; out.mark.empty() || text.find(out.mark) != std::string_view::npos; ++n)
        out.mark = "_x" + std::to_string(n) + "_";
    static constexpr std::string_view hex = "0123456789abcdef";
    for (const char c : text) {
        if (!high(c)) {
            out.text += c;
            continue;
        }
        out.text.append(out.mark);
        out.text += hex[static_cast<unsigned char>(c) >> 4];
        out.text += hex[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

std::string from_ascii(std::string s, const std::string& mark) {
    if (mark.empty())
        return s;
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (std::size_t at = 0; (at = s.find(mark, at)) != std::string::npos; ++at) {
        const std::size_t d = at + mark.size();
        if (d + 1 >= s.size())
            break;
        const char byte = static_cast<char>(digit(s[d]) * 16 + digit(s[d + 1]));
        s.replace(at, mark.size() + 2, 1, byte);
    }
    return s;
}

Position position(const toml::source_position& p) {
    return {static_cast<int>(p.line), static_cast<int>(p.column)};
}

DateTime datetime(const toml::date& d, const toml::time& t, const toml::time_offset* offset) {
    using namespace std::chrono;
    const auto day = sys_days{year{d.year} / month{d.month} / d.day};
    auto at = day + hours{t.hour} + minutes{t.minute} + seconds{t.second};
    if (offset != nullptr)
        at -= minutes{offset->minutes};
    return {at, offset != nullptr};
}

class Converter {
  public:
    explicit Converter(const std::string& mark) : mark_(mark) {}

    Value node(const toml::node& n) const {
        Value v = n.visit([this](const auto& typed) { return convert(typed); });
        v.where = position(n.source().begin);
        return v;
    }

    Value convert(const toml::table& t) const {
        Table out;
        for (const auto& [key, child] : t)
            out.append(
                {from_ascii(std::string(key.str()), mark_), node(child), position(key.source().begin)});
        // toml++ keeps keys sorted; the source order is what a reader of messages expects.
        std::ranges::stable_sort(out, [](const Member& a, const Member& b) {
            return std::pair{a.key_at.line, a.key_at.column} < std::pair{b.key_at.line, b.key_at.column};
        });
        return out;
    }

    Value convert(const toml::array& a) const {
        Array out;
        for (const auto& child : a)
            out.push_back(node(child));
        return out;
    }

    Value convert(const toml::value<std::string>& v) const { return from_ascii(v.get(), mark_); }

    Value convert(const toml::value<std::int64_t>& v) const { return v.get(); }

    Value convert(const toml::value<double>& v) const { return v.get(); }

    Value convert(const toml::value<bool>& v) const { return v.get(); }

    Value convert(const toml::value<toml::date>& v) const { return datetime(v.get(), toml::time{}, nullptr); }

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
    const std::string& mark_;
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

std::string quoted(std::string_view s) {
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
    return bare_key(k) ? std::string(k) : quoted(k);
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
        return quoted(*s);
    if (const auto* b = v.boolean())
        return *b ? "true" : "false";
    if (const auto* i = v.integer())
        return std::to_string(*i);
    if (const auto* d = v.real())
        return number(*d);
    if (const auto* t = v.datetime()) {
        std::string text = to_rfc3339(t->time);
        if (!t->has_offset)
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
    const Ascii ascii = to_ascii(text);
    auto parsed = toml::parse(ascii.text, std::string(source));
    if (!parsed) {
        const auto& e = parsed.error();
        return fail(Code::invalid_input, std::string(source) + ":" + std::to_string(e.source().begin.line) +
                                             ":" + std::to_string(e.source().begin.column) + ": " +
                                             from_ascii(std::string(e.description()), ascii.mark));
    }
    return Converter(ascii.mark).node(parsed.table());
}

std::string to_toml(const Table& table) {
    std::string out;
    write_table(table, "", out);
    return out;
}

}  // namespace plimsoll
