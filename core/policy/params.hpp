// SPDX-License-Identifier: Apache-2.0
// Typed parameters of controls. A module declares a plain struct with defaults and, per member, a Param that
// names the control and key it is set by; parsing, defaults, `policy show` and the JSON Schema follow from
// it.
#pragma once
#include "core/base/value.hpp"

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plimsoll::policy {

enum class ParamType { boolean, integer, string, string_list };

// What the policy compiler and the schema know of a parameter.
struct ParamSpec {
    std::string_view control;  // "subuid.min-size"
    std::string_view key;      // "min"
    ParamType type{ParamType::boolean};
    Value fallback;                                              // the default
    Value strict;                                                // in rootless-strict; null: the default
    std::int64_t min{std::numeric_limits<std::int64_t>::min()};  // inclusive, integers only
    std::int64_t max{std::numeric_limits<std::int64_t>::max()};
    std::vector<std::string_view> choices{};  // strings and list elements; empty: any
    std::string_view doc;                     // one sentence
};

// Validated values by control id and key. Holds every parameter of every known control.
using ParamValues = std::map<std::string, std::map<std::string, Value>, std::less<>>;

struct ParamLimits {
    std::int64_t min{std::numeric_limits<std::int64_t>::min()};
    std::int64_t max{std::numeric_limits<std::int64_t>::max()};
    std::vector<std::string_view> choices{};
};

template <class P>
struct Param {
    std::string_view control;
    std::string_view key;
    std::variant<bool P::*, std::int64_t P::*, std::string P::*, std::vector<std::string> P::*> member;
    std::string_view doc;
    ParamLimits limits{};
    // In profile rootless-strict, where what the policy does not name is not allowed; null: as the default.
    Value strict{};
};

template <class P>
std::vector<ParamSpec> specs_of(const std::vector<Param<P>>& params) {
    const P defaults{};
    std::vector<ParamSpec> out;
    for (const auto& p : params)
        out.push_back({p.control, p.key, static_cast<ParamType>(p.member.index()),
                       std::visit([&](auto m) { return Value(defaults.*m); }, p.member), p.strict,
                       p.limits.min, p.limits.max, p.limits.choices, p.doc});
    return out;
}

namespace detail {
inline void assign(bool& to, const Value& v) {
    to = *v.boolean();
}

inline void assign(std::int64_t& to, const Value& v) {
    to = *v.integer();
}

inline void assign(std::string& to, const Value& v) {
    to = *v.string();
}

inline void assign(std::vector<std::string>& to, const Value& v) {
    to.clear();
    for (const Value& e : *v.array())
        to.push_back(*e.string());
}
}  // namespace detail

// `values` come from the policy compiler, which has checked every type and bound.
template <class P>
P bind_params(const std::vector<Param<P>>& params, const ParamValues& values) {
    P out{};
    for (const auto& p : params)
        if (const auto control = values.find(p.control); control != values.end())
            if (const auto value = control->second.find(std::string(p.key)); value != control->second.end())
                std::visit([&](auto m) { detail::assign(out.*m, value->second); }, p.member);
    return out;
}

}  // namespace plimsoll::policy
