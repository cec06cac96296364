// SPDX-License-Identifier: Apache-2.0
// Proves what rootless-strict adds to a module: what the policy does not name fails.
#pragma once
#include "core/policy/module.hpp"
#include "tests/support/census.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace plimsoll::tests {

// The parameters of profile rootless-strict.
template <policy::ModuleType M>
typename M::Params strict_params() {
    typename M::Params out{};
    for (const auto& p : M::params())
        if (!p.strict.is_null())
            std::visit([&](auto member) { policy::detail::assign(out.*member, p.strict); }, p.member);
    return out;
}

template <policy::ModuleType M>
struct StrictCase {
    std::string_view control;
    std::function<void(Scene<M>&)> arrange;
    // Whether the default parameters let it pass. Where they do not either, only `name` makes it pass.
    bool baseline_passes{false};
    std::function<void(Scene<M>&)> name{};  // names what is there in the policy; empty: nothing can
};

// Runs every case under the default parameters, under the strict ones, and with what is there named in them.
template <policy::ModuleType M>
void expect_strict(const std::function<void(Scene<M>&)>& base, const std::vector<StrictCase<M>>& cases) {
    int number = 0;
    for (const auto& c : cases) {
        SCOPED_TRACE(std::string(c.control) + ", case " + std::to_string(++number));
        const auto any_fails = [&](bool strict, bool named) {
            Scene<M> scene;
            base(scene);
            c.arrange(scene);
            if (strict)
                scene.params = strict_params<M>();
            if (named)
                c.name(scene);
            const auto findings = scene.judge(c.control);
            EXPECT_FALSE(findings.empty());
            for (const auto& f : findings)
                EXPECT_NE(f.status, policy::Status::unknown) << f.subject << ": " << f.message;
            return std::ranges::any_of(
                findings, [](const policy::Finding& f) { return f.status == policy::Status::fail; });
        };
        EXPECT_EQ(any_fails(false, false), !c.baseline_passes) << "under the default parameters";
        EXPECT_TRUE(any_fails(true, false)) << "strict lets pass what the policy does not name";
        if (c.name) {
            EXPECT_FALSE(any_fails(true, true)) << "fails although the policy names it";
        }
    }
}

}  // namespace plimsoll::tests
