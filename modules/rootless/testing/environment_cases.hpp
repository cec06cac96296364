// SPDX-License-Identifier: Apache-2.0
// For the tests of the environment and engine-config modules: judge a tree, and carry a fix through.
#pragma once
#include "core/host/executor.hpp"
#include "tests/support/fake_services.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace plimsoll::modules::rootless {

template <class M>
struct Judged {
    tests::Tree& tree;
    bool live{false};
    typename M::Params params{};
    policy::Provision provision{};

    host::Host host() const { return live ? tree.live_host() : tree.host(); }

    std::vector<policy::Finding> all() const {
        const host::Host h = host();
        auto out = M::evaluate(params, provision, M::observe(h, params, provision), Time{});
        for (const auto& control : M::controls())
            EXPECT_TRUE(std::ranges::any_of(out, [&](const auto& f) { return f.control == control.id; }))
                << control.id << " gave no finding";
        for (const auto& f : out)
            EXPECT_EQ(f.fix.has_value(), f.status == policy::Status::fail) << f.control << " " << f.subject;
        return out;
    }

    // The finding of a control about a subject; of an empty subject the first one.
    policy::Finding of(std::string_view control, std::string_view subject = "") const {
        for (const auto& f : all())
            if (f.control == control && (subject.empty() || f.subject == subject))
                return f;
        ADD_FAILURE() << "no finding of " << control << " about " << subject;
        return {};
    }

    std::string status(std::string_view control, std::string_view subject = "") const {
        return std::string(name_of(of(control, subject).status));
    }

    // Applies the fix of a failing finding, expects it to pass, undoes it and
    // expects every byte to be as before.
    void expect_fixed(std::string_view control, std::string_view subject = "") const {
        const policy::Finding before = of(control, subject);
        ASSERT_EQ(before.status, policy::Status::fail) << control;
        ASSERT_TRUE(before.fix && !before.fix->changes.empty()) << control << ": " << before.message;
        const std::string bytes = tree.snapshot();
        const host::Host h = host();
        tests::FakeServices services;
        {
            auto executor = host::Executor::open(h, "/var/lib/plimsoll", &services);
            ASSERT_TRUE(executor) << executor.error().message;
            for (const auto& change : before.fix->changes) {
                const auto done = executor->apply(before.control, before.subject, change);
                ASSERT_TRUE(done) << done.error().message;
            }
            // A finding about what is no longer there is gone, which is as good as a pass.
            for (const auto& after : all())
                if (after.control == control && after.subject == before.subject) {
                    EXPECT_EQ(after.status, policy::Status::pass) << control << ": " << after.message;
                }
            const auto undone = executor->undo(executor->current_entry());
            EXPECT_TRUE(undone) << undone.error().message;
        }
        EXPECT_EQ(tree.snapshot(), bytes) << control;
    }

    // A fix that tells a person what to do, and names the place.
    void expect_by_hand(std::string_view control, std::string_view subject, std::string_view place) const {
        const policy::Finding f = of(control, subject);
        ASSERT_EQ(f.status, policy::Status::fail) << control << ": " << f.message;
        ASSERT_TRUE(f.fix);
        EXPECT_EQ(f.fix->cls, policy::FixClass::never_automatic) << control;
        EXPECT_TRUE(f.fix->changes.empty()) << control;
        const bool named = f.fix->summary.find(place) != std::string::npos ||
                           std::ranges::any_of(f.evidence, [&](const auto& e) {
                               return e.source.find(place) != std::string::npos;
                           });
        EXPECT_TRUE(named) << control << " does not name " << place << ": " << f.fix->summary;
    }
};

}  // namespace plimsoll::modules::rootless
