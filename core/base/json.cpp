// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.hpp"

#include "core/base/time.hpp"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

namespace plimsoll {
namespace {

using Json = nlohmann::json;

constexpr std::size_t max_depth = 100;

// Builds a Value from nlohmann's events, refusing what a lenient reader would let pass.
class Builder final : public nlohmann::json_sax<Json> {
  public:
    Value root;
    std::string why;
    std::size_t error_at{0};

    bool null() override { return put({}); }

    bool boolean(bool v) override { return put(v); }

    bool number_integer(number_integer_t v) override { return put(v); }

    bool number_unsigned(number_unsigned_t v) override {
        if (v > static_cast<number_unsigned_t>(INT64_MAX))
            return put(static_cast<double>(v));
        return put(static_cast<std::int64_t>(v));
    }

    bool number_float(number_float_t v, const string_t&) override { return put(v); }

    bool string(string_t& v) override { return put(std::move(v)); }

    bool binary(binary_t&) override { return false; }

    bool start_object(std::size_t) override { return open(Table{}); }

    bool start_array(std::size_t) override { return open(Array{}); }

    bool end_object() override { return close(); }

    bool end_array() override { return close(); }

    bool key(string_t& v) override {
        if (!levels_.back().keys.insert(v).second) {
            why = "duplicate key \"" + v + "\"";
            return false;
        }
        levels_.back().key = v;
        return true;
    }

    bool parse_error(std::size_t position, const std::string&,
                     const nlohmann::detail::exception& e) override {
        error_at = position;
        why = e.what();
        return false;
    }

  private:
    struct Level {
        Value value;
        std::string key;
        std::set<std::string> keys;
    };

    bool open(Value v) {
        if (levels_.size() >= max_depth) {
            why = "nested deeper than " + std::to_string(max_depth) + " levels";
            return false;
        }
        levels_.push_back({std::move(v), {}, {}});
        return true;
    }

    bool close() {
        Value v = std::move(levels_.back().value);
        levels_.pop_back();
        return put(std::move(v));
    }

    bool put(Value v) {
        if (levels_.empty()) {
            root = std::move(v);
            return true;
        }
        Level& top = levels_.back();
        if (Table* t = top.value.table())
            t->append({std::move(top.key), std::move(v), {}});
        else
            top.value.array()->push_back(std::move(v));
        return true;
    }

    std::vector<Level> levels_;
};

nlohmann::ordered_json convert(const Value& v) {
    if (const auto* t = v.table()) {
        auto out = nlohmann::ordered_json::object();
        for (const auto& m : *t)
            out[m.key] = convert(m.value);
        return out;
    }
    if (const auto* a = v.array()) {
        auto out = nlohmann::ordered_json::array();
        for (const auto& e : *a)
            out.push_back(convert(e));
        return out;
    }
    if (const auto* s = v.string())
        return *s;
    if (const auto* b = v.boolean())
        return *b;
    if (const auto* i = v.integer())
        return *i;
    if (const auto* d = v.real())
        return *d;
    if (const auto* t = v.datetime())
        return to_rfc3339(t->time);
    return nullptr;
}

std::string reason(std::string what) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error …": keep the reason.
    if (const auto at = what.find("column "); at != std::string::npos)
        if (const auto colon = what.find(": ", at); colon != std::string::npos)
            what.erase(0, colon + 2);
    return what;
}

}  // namespace

Result<Value> parse_json(std::string_view text, std::string_view source) {
    Builder builder;
    if (Json::sax_parse(text.begin(), text.end(), &builder))
        return std::move(builder.root);
    std::string place(source);
    if (builder.error_at != 0) {
        const auto before = text.substr(0, builder.error_at - 1);
        const auto newline = before.rfind('\n');
        const auto column = newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
        place += ":" + std::to_string(1 + std::ranges::count(before, '\n')) + ":" + std::to_string(column);
    }
    return fail(Code::invalid_input, place + ": " + reason(std::move(builder.why)));
}

std::string to_json(const Value& v, int indent) {
    return convert(v).dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace plimsoll
