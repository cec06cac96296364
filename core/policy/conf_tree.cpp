// SPDX-License-Identifier: Apache-2.0
// Free tables of a policy file: engine configuration that is written as it stands.
#include "core/policy/merge.hpp"

#include <cmath>

namespace plimsoll::policy {
namespace {

// Engine configuration has neither times nor infinities, and a drop-in with them would be refused only later.
bool check_leaf(const Value& v, std::string_view key, const Reader& reader) {
    static constexpr std::string_view expected = "a string, number, boolean, array or table";
    if (v.datetime() != nullptr) {
        reader.wrong_type(v, key, expected);
        return false;
    }
    if (v.real() != nullptr && !std::isfinite(*v.real())) {
        reader.problems().add(reader.place(v), "a number that is not finite", expected);
        return false;
    }
    bool good = true;
    if (const Array* a = v.array())
        for (const Value& e : *a)
            good &= check_leaf(e, key, reader);
    if (const Table* t = v.table())
        for (const Member& m : *t)
            good &= check_leaf(m.value, m.key, reader);
    return good;
}

// Key order means nothing in TOML; sorted, two policies that say the same are the same bytes.
Value sorted(const Value& v) {
    if (const Array* a = v.array()) {
        Array out;
        out.reserve(a->size());
        for (const Value& e : *a)
            out.push_back(sorted(e));
        return out;
    }
    const Table* t = v.table();
    if (t == nullptr)
        return v;
    std::map<std::string, Value> by_key;
    for (const Member& m : *t)
        by_key.emplace(m.key, sorted(m.value));
    Table out;
    for (auto& [key, value] : by_key)
        out.append({key, std::move(value), {}});
    return out;
}

}  // namespace

void ConfTree::merge(const Table& table, const Reader& reader) {
    leaf.reset();
    for (const Member& m : table) {
        ConfTree& child = children[m.key];
        if (const Table* inner = m.value.table()) {
            child.merge(*inner, reader);
        } else if (check_leaf(m.value, m.key, reader)) {
            child.children.clear();
            child.leaf = Placed<Value>{sorted(m.value), reader.key_place(m)};
        }
    }
}

Table ConfTree::table() const {
    Table out;
    for (const auto& [key, child] : children)
        out.append({key, child.leaf ? child.leaf->value : Value(child.table()), {}});
    return out;
}

}  // namespace plimsoll::policy
