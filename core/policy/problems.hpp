// SPDX-License-Identifier: Apache-2.0
// What is wrong with policy files, and where: collected over all of them and told in reading order. Part of
// the policy compiler.
#pragma once
#include "core/policy/policy.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace plimsoll::policy {

struct Place {
    std::size_t file{0};  // index in the list of files
    Position at{};

    [[nodiscard]] bool operator<(const Place& o) const {
        return std::tuple{file, at.line, at.column} < std::tuple{o.file, o.at.line, o.at.column};
    }
};

template <class T>
struct Placed {
    T value{};
    Place place{};
};

// "a, b or c", each in quotes.
[[nodiscard]] std::string one_of(const std::vector<std::string>& names);

template <class Names>
[[nodiscard]] std::vector<std::string> strings_of(const Names& names) {
    return {names.begin(), names.end()};
}

class ProblemList {
  public:
    explicit ProblemList(const std::vector<PolicyFile>& files) : files_(&files) {}

    // "FILE:LINE:COLUMN: WHAT; expected EXPECTED".
    void add(const Place& place, std::string_view what, std::string_view expected);
    // A name that is none of `known`; names the nearest.
    void add_unknown(const Place& place, std::string_view kind, std::string_view name,
                     const std::vector<std::string>& known);
    // A message that names its place itself.
    void add_parse_error(std::size_t file, std::string message);

    [[nodiscard]] bool empty() const { return problems_.empty(); }

    [[nodiscard]] Problems take();
    [[nodiscard]] std::string origin(const Place& place) const;  // "FILE:LINE"

  private:
    const std::vector<PolicyFile>* files_;
    std::vector<Placed<std::string>> problems_;
    // A search for the nearest name costs far more than the message; a file of garbage gets the first ones.
    int suggestions_left_{200};
};

// Typed access to the values of one file. A value that is not what it must be is told, and nothing returned.
class Reader {
  public:
    Reader(std::size_t file, ProblemList& problems) : file_(file), problems_(&problems) {}

    [[nodiscard]] Place place(const Value& v) const { return {file_, v.where}; }

    [[nodiscard]] Place key_place(const Member& m) const {
        return {file_, m.key_at.line != 0 ? m.key_at : m.value.where};
    }

    [[nodiscard]] ProblemList& problems() const { return *problems_; }

    void wrong_type(const Value& v, std::string_view name, std::string_view expected) const;
    void unknown_key(const Member& m, std::string_view where, const std::vector<std::string>& known) const;

    [[nodiscard]] const Table* table(const Value& v, std::string_view name) const;
    [[nodiscard]] std::optional<bool> boolean(const Value& v, std::string_view name) const;
    [[nodiscard]] std::optional<std::int64_t> integer(const Value& v, std::string_view name, std::int64_t min,
                                                      std::int64_t max) const;
    // Without control characters; that is what may reach a terminal, a log or a line of a file.
    [[nodiscard]] std::optional<std::string> text(const Value& v, std::string_view name,
                                                  std::string_view expected = "a string") const;
    // … and not blank.
    [[nodiscard]] std::optional<std::string> filled(const Value& v, std::string_view name,
                                                    std::string_view expected) const;
    [[nodiscard]] std::optional<std::string> choice(const Value& v, std::string_view name,
                                                    const std::vector<std::string>& choices) const;

  private:
    std::size_t file_;
    ProblemList* problems_;
};

}  // namespace plimsoll::policy
