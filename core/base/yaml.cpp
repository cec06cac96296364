// SPDX-License-Identifier: Apache-2.0
#include "core/base/yaml.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <yaml.h>

namespace plimsoll {
namespace {

constexpr std::size_t max_depth = 64;
constexpr std::size_t max_nodes = 65536;
constexpr std::size_t max_bytes = std::size_t{16} << 20;

std::string_view view(const yaml_char_t* s) {
    return s != nullptr ? reinterpret_cast<const char*>(s) : std::string_view();
}

Position position(const yaml_mark_t& mark) {
    const auto bounded = [](std::size_t n) {
        return static_cast<int>(std::min<std::size_t>(n, std::numeric_limits<int>::max() - 1)) + 1;
    };
    return {bounded(mark.line), bounded(mark.column)};
}

// One event of libyaml, freed with it.
class Event {
  public:
    explicit Event(yaml_parser_t& parser) : ok_(yaml_parser_parse(&parser, &event_) == 1) {}

    ~Event() {
        if (ok_)
            yaml_event_delete(&event_);
    }

    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    [[nodiscard]] bool ok() const { return ok_; }

    [[nodiscard]] const yaml_event_t& get() const { return event_; }

  private:
    yaml_event_t event_{};
    bool ok_;
};

class Parser {
  public:
    explicit Parser(std::string_view text) {
        ok_ = yaml_parser_initialize(&parser_) == 1;
        if (!ok_)
            return;
        yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                     text.size());
    }

    ~Parser() {
        if (ok_)
            yaml_parser_delete(&parser_);
    }

    Parser(const Parser&) = delete;
    Parser& operator=(const Parser&) = delete;

    [[nodiscard]] bool ok() const { return ok_; }

    [[nodiscard]] yaml_parser_t& get() { return parser_; }

  private:
    yaml_parser_t parser_{};
    bool ok_{false};
};

// ---- scalars ----

enum class Tag { none, string, boolean, integer, real, null, other };

Tag tag_of(std::string_view tag) {
    static constexpr std::string_view core = "tag:yaml.org,2002:";
    if (tag.empty())
        return Tag::none;
    if (tag == "!")
        return Tag::string;
    if (!tag.starts_with(core))
        return Tag::other;
    tag.remove_prefix(core.size());
    static constexpr std::pair<std::string_view, Tag> known[] = {{"str", Tag::string},
                                                                 {"bool", Tag::boolean},
                                                                 {"int", Tag::integer},
                                                                 {"float", Tag::real},
                                                                 {"null", Tag::null}};
    for (const auto& [name, value] : known)
        if (name == tag)
            return value;
    return Tag::other;
}

std::optional<Value> as_null(std::string_view s) {
    static constexpr std::string_view nulls[] = {"", "~", "null", "Null", "NULL"};
    return std::ranges::find(nulls, s) != std::end(nulls) ? std::optional(Value()) : std::nullopt;
}

std::optional<Value> as_boolean(std::string_view s) {
    if (s == "true" || s == "True" || s == "TRUE")
        return Value(true);
    if (s == "false" || s == "False" || s == "FALSE")
        return Value(false);
    return std::nullopt;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::optional<Value> as_integer(std::string_view s) {
    int base = 10;
    std::string_view digits = s;
    if (s.starts_with("0x") || s.starts_with("0o")) {
        base = s[1] == 'x' ? 16 : 8;
        digits.remove_prefix(2);
        if (digits.starts_with('-'))
            return std::nullopt;
    } else if (digits.starts_with('+')) {
        digits.remove_prefix(1);
        if (digits.empty() || !is_digit(digits.front()))
            return std::nullopt;
    }
    const std::string_view unsigned_part = digits.substr(digits.starts_with('-') ? 1 : 0);
    if (base == 10 && unsigned_part.size() > 1 && unsigned_part.front() == '0')
        return std::nullopt;  // octal to YAML 1.1, decimal to 1.2
    std::int64_t out = 0;
    const auto [end, err] = std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
    if (digits.empty() || err != std::errc{} || end != digits.data() + digits.size())
        return std::nullopt;
    return Value(out);
}

std::optional<Value> as_real(std::string_view s) {
    std::string_view rest = s;
    const bool negative = rest.starts_with('-');
    if (negative || rest.starts_with('+'))
        rest.remove_prefix(1);
    if (rest == ".inf" || rest == ".Inf" || rest == ".INF")
        return Value(negative ? -std::numeric_limits<double>::infinity()
                              : std::numeric_limits<double>::infinity());
    if (s == ".nan" || s == ".NaN" || s == ".NAN")
        return Value(std::numeric_limits<double>::quiet_NaN());
    // Only what has a dot or an exponent, and only digits otherwise: from_chars also takes "inf" and "nan".
    const bool shaped = rest.find_first_of(".eE") != std::string_view::npos &&
                        rest.find_first_not_of("0123456789.eE+-") == std::string_view::npos &&
                        (is_digit(rest.front()) || (rest.size() > 1 && rest[0] == '.' && is_digit(rest[1])));
    double out = 0;
    const auto [end, err] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
    if (!shaped || err != std::errc{} || end != rest.data() + rest.size())
        return std::nullopt;
    return Value(negative ? -out : out);
}

// nullopt: the tag does not fit the text.
std::optional<Value> resolve(std::string_view text, Tag tag, bool plain) {
    switch (tag) {
        case Tag::string:
            return Value(text);
        case Tag::boolean:
            return as_boolean(text);
        case Tag::integer:
            return as_integer(text);
        case Tag::real:
            return as_real(text);
        case Tag::null:
            return as_null(text);
        default:
            break;
    }
    if (!plain)
        return Value(text);
    for (const auto& read : {as_null, as_boolean, as_integer, as_real})
        if (auto v = read(text))
            return v;
    return Value(text);
}

// ---- the document ----

// What a part of a document costs when it is copied.
struct Size {
    std::size_t nodes{0};
    std::size_t bytes{0};

    Size& operator+=(Size o) {
        nodes += o.nodes;
        bytes += o.bytes;
        return *this;
    }

    Size operator-(Size o) const { return {nodes - o.nodes, bytes - o.bytes}; }

    [[nodiscard]] bool within_limits() const { return nodes <= max_nodes && bytes <= max_bytes; }
};

// Levels of tables and arrays.
std::size_t depth_of(const Value& v) {
    std::size_t below = 0;
    if (const auto* t = v.table())
        for (const auto& m : *t)
            below = std::max(below, depth_of(m.value));
    if (const auto* a = v.array())
        for (const auto& e : *a)
            below = std::max(below, depth_of(e));
    return v.table() != nullptr || v.array() != nullptr ? below + 1 : 0;
}

// Builds a Value from libyaml's events, without recursion.
class Builder {
  public:
    Value root;
    std::string why;
    Position at{};

    // false: `why` says what is wrong at `at`.
    bool take(const yaml_event_t& e) {
        at = position(e.start_mark);
        switch (e.type) {
            case YAML_DOCUMENT_START_EVENT:
                return ++documents_ == 1 || refuse("a second document");
            case YAML_SCALAR_EVENT:
                return scalar(e);
            case YAML_SEQUENCE_START_EVENT:
                return open(Array{}, view(e.data.sequence_start.anchor), view(e.data.sequence_start.tag),
                            "seq");
            case YAML_MAPPING_START_EVENT:
                return open(Table{}, view(e.data.mapping_start.anchor), view(e.data.mapping_start.tag),
                            "map");
            case YAML_SEQUENCE_END_EVENT:
            case YAML_MAPPING_END_EVENT:
                return close();
            case YAML_ALIAS_EVENT:
                return alias(view(e.data.alias.anchor));
            default:
                return true;
        }
    }

  private:
    struct Level {
        Value value;
        std::string anchor;
        Size before{};                     // of the document up to here
        std::optional<std::string> key{};  // of a table: the key whose value comes next
        Position key_at{};
        std::set<std::string, std::less<>> keys{};
    };

    struct Anchor {
        Value value;
        Size size{};
        std::size_t depth{0};
    };

    bool refuse(std::string reason) {
        why = std::move(reason);
        return false;
    }

    bool awaits_key() const {
        return !levels_.empty() && levels_.back().value.table() != nullptr && !levels_.back().key;
    }

    bool count(Size& into, Size size) {
        into += size;
        return into.within_limits() || refuse("too large, or its aliases make it so");
    }

    bool scalar(const yaml_event_t& e) {
        const auto& s = e.data.scalar;
        const std::string_view text(reinterpret_cast<const char*>(s.value), s.length);
        const bool plain = s.style == YAML_PLAIN_SCALAR_STYLE;
        if (!count(total_, {1, text.size()}))
            return false;
        if (awaits_key())
            return key(text, plain, view(s.anchor), view(s.tag));
        auto v = resolve(text, tag_of(view(s.tag)), plain);
        if (tag_of(view(s.tag)) == Tag::other || !v)
            return refuse("tag " + printable(view(s.tag), 60) + " is not read here");
        v->where = at;
        return remember(view(s.anchor), *v, {1, text.size()}) && put(*std::move(v));
    }

    bool key(std::string_view text, bool plain, std::string_view anchor, std::string_view tag) {
        if (plain && text == "<<")
            return refuse("a merge key");
        if (!anchor.empty() || !tag.empty())
            return refuse("a key with an anchor or a tag");
        Level& top = levels_.back();
        if (!top.keys.emplace(text).second)
            return refuse("duplicate key \"" + printable(text, 60) + "\"");
        top.key = text;
        top.key_at = at;
        return true;
    }

    bool open(Value v, std::string_view anchor, std::string_view tag, std::string_view kind) {
        if (!tag.empty() && tag != "!" && tag != "tag:yaml.org,2002:" + std::string(kind))
            return refuse("tag " + printable(tag, 60) + " is not read here");
        if (awaits_key())
            return refuse("a key that is not a scalar");
        if (levels_.size() >= max_depth)
            return refuse("nested deeper than " + std::to_string(max_depth) + " levels");
        v.where = at;
        levels_.push_back({std::move(v), std::string(anchor), total_});
        return count(total_, {1, 0});
    }

    bool close() {
        Level top = std::move(levels_.back());
        levels_.pop_back();
        return remember(top.anchor, top.value, total_ - top.before) && put(std::move(top.value));
    }

    // An anchor may be given anew; the last one before an alias counts. Kept copies cost as aliases do: an
    // anchor may stand within another.
    bool remember(std::string_view anchor, const Value& v, Size size) {
        if (anchor.empty())
            return true;
        if (!count(kept_, size))
            return false;
        anchors_[std::string(anchor)] = {v, size, depth_of(v)};
        return true;
    }

    bool alias(std::string_view name) {
        const auto found = anchors_.find(std::string(name));
        if (found == anchors_.end())
            return refuse("alias of an anchor that is not complete: " + printable(name, 60));
        if (awaits_key())
            return refuse("a key that is an alias");
        if (levels_.size() + found->second.depth > max_depth)
            return refuse("nested deeper than " + std::to_string(max_depth) + " levels");
        return count(total_, found->second.size) && put(found->second.value);
    }

    bool put(Value v) {
        if (levels_.empty()) {
            root = std::move(v);
            return true;
        }
        Level& top = levels_.back();
        if (Table* t = top.value.table()) {
            t->append({*std::exchange(top.key, std::nullopt), std::move(v), top.key_at});
            return true;
        }
        top.value.array()->push_back(std::move(v));
        return true;
    }

    std::vector<Level> levels_;
    std::map<std::string, Anchor> anchors_;
    Size total_{};
    Size kept_{};
    int documents_{0};
};

Failure at_place(std::string_view source, Position at, std::string_view why) {
    return fail(Code::invalid_input, std::string(source) + ":" + std::to_string(at.line) + ":" +
                                         std::to_string(at.column) + ": " + std::string(why));
}

}  // namespace

Result<Value> parse_yaml(std::string_view text, std::string_view source) {
    if (!valid_utf8(text))
        return fail(Code::invalid_input, std::string(source) + ": not UTF-8 text");
    if (text.find('\0') != std::string_view::npos)
        return fail(Code::invalid_input, std::string(source) + ": a NUL byte is not allowed in YAML");
    Parser parser(text);
    if (!parser.ok())
        return fail(Code::internal, std::string(source) + ": no memory for the YAML reader");
    Builder builder;
    for (bool more = true; more;) {
        const Event event(parser.get());
        if (!event.ok()) {
            const yaml_parser_t& p = parser.get();
            return at_place(source, position(p.problem_mark),
                            p.problem != nullptr ? std::string_view(p.problem) : "cannot be read");
        }
        if (!builder.take(event.get()))
            return at_place(source, builder.at, builder.why);
        more = event.get().type != YAML_STREAM_END_EVENT;
    }
    return std::move(builder.root);
}

}  // namespace plimsoll
