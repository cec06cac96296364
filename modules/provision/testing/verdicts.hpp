// SPDX-License-Identifier: Apache-2.0
// For this folder's tests: observes a tree and judges it, as the engine would.
#pragma once
#include "modules/provision/provision.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plimsoll::modules::provision {

inline constexpr Time test_now{std::chrono::seconds{1'000'000'000}};  // day 11574

inline std::vector<policy::Finding> judge(const host::Host& host, const policy::Provision& wanted) {
    return Provision::evaluate({}, wanted, Provision::observe(host, {}, wanted), test_now);
}

inline std::vector<policy::Finding> judge(const tests::Tree& tree, const policy::Provision& wanted) {
    return judge(tree.host(), wanted);
}

// The finding of a control; the first one when `subject` is empty. Fails the test when there is none.
inline policy::Finding of(const std::vector<policy::Finding>& findings, std::string_view control,
                          std::string_view subject = "") {
    for (const auto& f : findings)
        if (f.control == control && (subject.empty() || f.subject == subject))
            return f;
    ADD_FAILURE() << "no finding of " << control << " on " << subject;
    return {};
}

template <class C>
std::vector<C> changes_of(const policy::Finding& f) {
    std::vector<C> out;
    if (f.fix)
        for (const auto& change : f.fix->changes)
            if (const auto* c = std::get_if<C>(&change))
                out.push_back(*c);
    return out;
}

// Fails, and nothing is done about it by itself.
inline bool for_a_person(const policy::Finding& f) {
    return f.status == policy::Status::fail && f.fix && f.fix->cls == policy::FixClass::never_automatic &&
           f.fix->changes.empty() && !f.fix->summary.empty();
}

inline policy::Tenant tenant(std::string user, policy::Tenant::Kind kind) {
    policy::Tenant t;
    t.user = std::move(user);
    t.kind = kind;
    t.origin = "/etc/plimsoll/policy.d/site.toml:3";
    return t;
}

inline policy::SubidRequest allocate(std::uint64_t count = 65536) {
    return {policy::SubidRequest::Kind::allocate, count, {}};
}

inline policy::SubidRequest exactly(std::vector<Range> ranges) {
    return {policy::SubidRequest::Kind::ranges, 65536, std::move(ranges)};
}

inline policy::Provision only(policy::Tenant t) {
    policy::Provision p;
    p.tenants.push_back(std::move(t));
    return p;
}

}  // namespace plimsoll::modules::provision
