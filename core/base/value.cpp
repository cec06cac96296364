// SPDX-License-Identifier: Apache-2.0
#include "core/base/value.hpp"

#include <algorithm>

namespace plimsoll {

const Value* Table::find(std::string_view key) const {
    const auto it = std::ranges::find(members_, key, &Member::key);
    return it == members_.end() ? nullptr : &it->value;
}

Value* Table::find(std::string_view key) {
    const auto it = std::ranges::find(members_, key, &Member::key);
    return it == members_.end() ? nullptr : &it->value;
}

Value& Table::set(std::string key, Value v, Position key_at) {
    if (Value* old = find(key)) {
        *old = std::move(v);
        return *old;
    }
    members_.push_back({std::move(key), std::move(v), key_at});
    return members_.back().value;
}

bool Table::erase(std::string_view key) {
    return std::erase_if(members_, [&](const Member& m) { return m.key == key; }) != 0;
}

void Table::append(Member m) {
    members_.push_back(std::move(m));
}

bool Table::operator==(const Table& o) const {
    return members_ == o.members_;
}

Value::Value(const std::vector<std::string>& v) {
    Array a;
    a.reserve(v.size());
    for (const auto& s : v)
        a.emplace_back(s);
    data = std::move(a);
}

std::string_view Value::type_name() const {
    static constexpr std::string_view names[] = {"null",   "boolean",   "integer", "number",
                                                 "string", "date-time", "array",   "table"};
    return names[data.index()];
}

}  // namespace plimsoll
