// SPDX-License-Identifier: Apache-2.0
#include "core/policy/problems.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::policy {
namespace {

std::string in_quotes(std::string_view s) {
    return '"' + printable(s, 80) + '"';
}

std::string_view with_article(std::string_view type) {
    static constexpr std::pair<std::string_view, std::string_view> names[] = {
        {"boolean", "a boolean"}, {"integer", "an integer"}, {"number", "a number"},
        {"string", "a string"},   {"table", "a table"},      {"date-time", "a date-time"},
        {"array", "an array"}};
    const auto* const it =
        std::ranges::find(names, type, &std::pair<std::string_view, std::string_view>::first);
    return it == std::end(names) ? type : it->second;
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

}  // namespace

std::string one_of(const std::vector<std::string>& names) {
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i != 0)
            out += i + 1 == names.size() ? " or " : ", ";
        out += '"' + names[i] + '"';
    }
    return out;
}

void ProblemList::add(const Place& place, std::string_view what, std::string_view expected) {
    problems_.push_back({origin(place) + ":" + std::to_string(place.at.column) + ": " + std::string(what) +
                             "; expected " + std::string(expected),
                         place});
}

void ProblemList::add_unknown(const Place& place, std::string_view kind, std::string_view name,
                              const std::vector<std::string>& known) {
    const std::string what = "unknown " + std::string(kind) + " " + in_quotes(name);
    std::optional<std::string> near;
    if (suggestions_left_ > 0) {
        --suggestions_left_;
        near = nearest(name, known);
    }
    // A long list would bury the message.
    std::string expected = known.size() <= 12 ? one_of(known) : "a name that \"controls\" lists";
    if (near)
        expected += "; did you mean \"" + *near + "\"?";
    add(place, what, expected);
}

void ProblemList::add_parse_error(std::size_t file, std::string message) {
    static constexpr std::string_view noise = "Error while ";
    if (const auto at = message.find(noise); at != std::string::npos)
        message.replace(at, noise.size(), "while ");
    problems_.push_back({message + "; expected a document in TOML 1.0", {file, {}}});
}

Problems ProblemList::take() {
    std::ranges::sort(problems_, [](const auto& a, const auto& b) {
        return a.place < b.place || (!(b.place < a.place) && a.value < b.value);
    });
    Problems out;
    out.reserve(problems_.size());
    for (auto& p : problems_)
        out.push_back(std::move(p.value));
    problems_.clear();
    return out;
}

std::string ProblemList::origin(const Place& place) const {
    return printable((*files_)[place.file].path, 4096) + ":" + std::to_string(std::max(place.at.line, 1));
}

void Reader::wrong_type(const Value& v, std::string_view name, std::string_view expected) const {
    problems_->add(place(v), in_quotes(name) + " is " + std::string(with_article(v.type_name())), expected);
}

void Reader::unknown_key(const Member& m, std::string_view where,
                         const std::vector<std::string>& known) const {
    problems_->add_unknown(key_place(m), "key in " + std::string(where) + ":", m.key, known);
}

const Table* Reader::table(const Value& v, std::string_view name) const {
    if (v.table() == nullptr)
        wrong_type(v, name, "a table");
    return v.table();
}

std::optional<bool> Reader::boolean(const Value& v, std::string_view name) const {
    if (const bool* b = v.boolean())
        return *b;
    wrong_type(v, name, "true or false");
    return std::nullopt;
}

std::optional<std::int64_t> Reader::integer(const Value& v, std::string_view name, std::int64_t min,
                                            std::int64_t max) const {
    using Limits = std::numeric_limits<std::int64_t>;
    std::string expected = "an integer";
    if (min != Limits::min())
        expected += (max != Limits::max() ? " from " : " of at least ") + std::to_string(min);
    if (max != Limits::max())
        expected += (min != Limits::min() ? " to " : " of at most ") + std::to_string(max);
    const std::int64_t* i = v.integer();
    if (i == nullptr) {
        wrong_type(v, name, expected);
        return std::nullopt;
    }
    if (*i < min || *i > max) {
        problems_->add(place(v), in_quotes(name) + " is " + std::to_string(*i), expected);
        return std::nullopt;
    }
    return *i;
}

std::optional<std::string> Reader::text(const Value& v, std::string_view name,
                                        std::string_view expected) const {
    const std::string* s = v.string();
    if (s == nullptr) {
        wrong_type(v, name, expected);
        return std::nullopt;
    }
    if (std::ranges::any_of(*s, is_control)) {
        problems_->add(place(v), in_quotes(name) + " contains a control character: " + in_quotes(*s),
                       std::string(expected) + " of one line");
        return std::nullopt;
    }
    return *s;
}

std::optional<std::string> Reader::filled(const Value& v, std::string_view name,
                                          std::string_view expected) const {
    auto s = text(v, name, expected);
    if (!s || !trim(*s).empty())
        return s;
    problems_->add(place(v), in_quotes(name) + " is blank", expected);
    return std::nullopt;
}

std::optional<std::string> Reader::choice(const Value& v, std::string_view name,
                                          const std::vector<std::string>& choices) const {
    const std::string* s = v.string();
    if (s == nullptr) {
        wrong_type(v, name, one_of(choices));
        return std::nullopt;
    }
    if (std::ranges::find(choices, *s) != choices.end())
        return *s;
    problems_->add_unknown(place(v), "value of " + in_quotes(name) + ":", *s, choices);
    return std::nullopt;
}

}  // namespace plimsoll::policy
