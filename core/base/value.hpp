// SPDX-License-Identifier: Apache-2.0
// A parsed document (TOML or JSON) as plain data that remembers where each part stood.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plimsoll {

using Time = std::chrono::sys_seconds;  // UTC, whole seconds

struct Position {  // 1-based line and column in the source; 0 when the format does not tell
    int line{0};
    int column{0};
    bool operator==(const Position&) const = default;
};

struct DateTime {
    Time time{};
    bool has_offset{false};  // false: TOML local date or date-time, i.e. not a point in time yet
    bool date_only{false};   // TOML local date
    bool operator==(const DateTime&) const = default;
};

struct Member;
class Value;

using Array = std::vector<Value>;

// Keys in source order. Parsers refuse duplicate keys, so find() is unambiguous.
class Table {
  public:
    // Declared here and defined below Member, which a vector needs complete to destroy or count it.
    Table();
    ~Table();
    Table(const Table&);
    Table(Table&&) noexcept;
    Table& operator=(const Table&);
    Table& operator=(Table&&) noexcept;

    [[nodiscard]] const Value* find(std::string_view key) const;
    [[nodiscard]] Value* find(std::string_view key);
    // Sets or replaces; returns the stored value.
    Value& set(std::string key, Value v, Position key_at = {});
    bool erase(std::string_view key);

    [[nodiscard]] auto begin() const { return members_.begin(); }

    [[nodiscard]] auto end() const { return members_.end(); }

    [[nodiscard]] auto begin() { return members_.begin(); }

    [[nodiscard]] auto end() { return members_.end(); }

    [[nodiscard]] std::size_t size() const;

    [[nodiscard]] bool empty() const { return members_.empty(); }

    void append(Member m);  // for parsers: no search for an existing key
    bool operator==(const Table&) const;

  private:
    std::vector<Member> members_;
};

class Value {
  public:
    using Data =
        std::variant<std::monostate, bool, std::int64_t, double, std::string, DateTime, Array, Table>;

    Value() = default;  // null

    // The implicit constructors are wanted: a Value is written like the literal it stands for.
    // NOLINTBEGIN(google-explicit-constructor)
    Value(bool v) : data(v) {}

    Value(int v) : data(std::int64_t{v}) {}

    Value(std::int64_t v) : data(v) {}

    Value(double v) : data(v) {}

    Value(const char* v) : data(std::string(v)) {}

    Value(std::string_view v) : data(std::string(v)) {}

    Value(std::string v) : data(std::move(v)) {}

    Value(DateTime v) : data(v) {}

    Value(Array v) : data(std::move(v)) {}

    Value(Table v) : data(std::move(v)) {}

    Value(const std::vector<std::string>& v);

    // NOLINTEND(google-explicit-constructor)

    [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(data); }

    [[nodiscard]] const bool* boolean() const { return std::get_if<bool>(&data); }

    [[nodiscard]] const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data); }

    [[nodiscard]] const double* real() const { return std::get_if<double>(&data); }

    [[nodiscard]] const std::string* string() const { return std::get_if<std::string>(&data); }

    [[nodiscard]] const DateTime* datetime() const { return std::get_if<DateTime>(&data); }

    [[nodiscard]] const Array* array() const { return std::get_if<Array>(&data); }

    [[nodiscard]] const Table* table() const { return std::get_if<Table>(&data); }

    [[nodiscard]] Array* array() { return std::get_if<Array>(&data); }

    [[nodiscard]] Table* table() { return std::get_if<Table>(&data); }

    // "string", "integer", "boolean", … in the words of a message to the user.
    [[nodiscard]] std::string_view type_name() const;

    // Walks tables by key: at("engine", "runtimes"); null pointer when a step is missing.
    template <class... Keys>
    [[nodiscard]] const Value* at(std::string_view key, Keys... rest) const {
        const Table* t = table();
        const Value* v = t != nullptr ? t->find(key) : nullptr;
        if constexpr (sizeof...(rest) == 0)
            return v;
        else
            return v != nullptr ? v->at(rest...) : nullptr;
    }

    // Compares content, not positions.
    bool operator==(const Value& o) const { return data == o.data; }

    Data data;
    Position where{};
};

struct Member {
    std::string key;
    Value value;
    Position key_at{};

    bool operator==(const Member& o) const { return key == o.key && value == o.value; }
};

inline Table::Table() = default;
inline Table::~Table() = default;
inline Table::Table(const Table&) = default;
inline Table::Table(Table&&) noexcept = default;
inline Table& Table::operator=(const Table&) = default;
inline Table& Table::operator=(Table&&) noexcept = default;

inline std::size_t Table::size() const {
    return members_.size();
}

}  // namespace plimsoll
