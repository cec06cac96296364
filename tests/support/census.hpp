// SPDX-License-Identifier: Apache-2.0
// Proves that a module's cases leave nothing out: every control has a case for every way its verdict can end
// and for content that somebody wrote to deceive it, or one sentence that says why there can be none.
//
//   using Case = CensusCase<Kmsg>;
//   take_census<Kmsg>([](Scene<Kmsg>& s) { s.tree.write("/etc/passwd", ""); }, {
//       {"kmsg.dmesg-restrict", Cell::pass, [](auto& s) { … }},
//       {"kmsg.dmesg-restrict", Cell::not_applicable, "every running kernel has this knob"},
//   });
#pragma once
#include "core/base/text.hpp"
#include "core/policy/module.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::tests {

enum class Cell {
    pass,            // every finding of the control passes
    fail,            // at least one fails, none passes
    not_applicable,  // every finding says so
    unknown,         // at least one is unknown, none passes or fails
    hostile,         // every finding is a failure or unknown, and can be shown on a terminal
};
inline constexpr std::array<std::string_view, 5> cell_names{"pass", "fail", "not-applicable", "unknown",
                                                            "hostile"};

// What a case arranges.
template <policy::ModuleType M>
struct Scene {
    Tree tree{};
    bool live{false};
    typename M::Params params{};
    policy::Provision provision{};
    Time now{std::chrono::seconds{1'800'000'000}};
    std::function<void(typename M::Facts&)> touch{};  // for what a tree cannot show; used sparingly

    [[nodiscard]] std::vector<policy::Finding> judge(std::string_view control) const {
        const auto host = live ? tree.live_host() : tree.host();
        auto facts = M::observe(host, params, provision);
        if (touch)
            touch(facts);
        const auto of_control = [&](std::vector<policy::Finding> all) {
            std::erase_if(all, [&](const policy::Finding& f) { return f.control != control; });
            return all;
        };
        auto found = of_control(M::evaluate(params, provision, facts, now));
        if constexpr (policy::SelectiveType<M>) {
            const policy::Wanted alone = [&](std::string_view id) { return id == control; };
            EXPECT_EQ(of_control(M::evaluate_wanted(params, provision, facts, now, alone)), found)
                << "asked for alone";
        }
        return found;
    }
};

template <policy::ModuleType M>
struct CensusCase {
    using Arrange = std::function<void(Scene<M>&)>;

    CensusCase(std::string_view id, Cell c, Arrange a) : control(id), cell(c), arrange(std::move(a)) {}

    CensusCase(std::string_view id, Cell c, const char* reason) : control(id), cell(c), why_not(reason) {}

    std::string_view control;
    Cell cell;
    Arrange arrange{};
    std::string_view why_not{};  // why this cell must stay empty
};

namespace detail {

inline bool fits(Cell cell, const std::vector<policy::Finding>& findings) {
    using policy::Status;
    const auto all = [&](auto... wanted) {
        return std::ranges::all_of(findings,
                                   [&](const policy::Finding& f) { return ((f.status == wanted) || ...); });
    };
    const auto any = [&](Status wanted) {
        return std::ranges::find(findings, wanted, &policy::Finding::status) != findings.end();
    };
    switch (cell) {
        case Cell::pass:
            return all(Status::pass);
        case Cell::fail:
            return any(Status::fail) && !any(Status::pass);
        case Cell::not_applicable:
            return all(Status::not_applicable);
        case Cell::unknown:
            return any(Status::unknown) && !any(Status::pass) && !any(Status::fail);
        case Cell::hostile:
            return all(Status::fail, Status::unknown);
    }
    return false;
}

inline bool showable(const policy::Finding& f) {
    std::vector<std::string> texts{f.subject, f.message, f.fix ? f.fix->summary : ""};
    for (const auto& e : f.evidence)
        texts.insert(texts.end(), {e.source, e.found, e.expected});
    return std::ranges::all_of(texts, [](const std::string& text) {
        return valid_utf8(text) && text.size() < 4096 &&
               std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    });
}

inline std::string shown(const std::vector<policy::Finding>& findings) {
    std::string out;
    for (const auto& f : findings)
        out += "\n  " + std::string(policy::name_of(f.status)) + " " + f.subject + ": " + f.message;
    return out;
}

}  // namespace detail

// Runs every case on a scene that `base` has prepared, and fails for controls with an empty cell.
template <policy::ModuleType M>
void take_census(const std::function<void(Scene<M>&)>& base, const std::vector<CensusCase<M>>& cases) {
    std::map<std::pair<std::string_view, Cell>, int> seen;
    std::set<std::string_view> known;
    for (const auto& info : M::controls())
        known.insert(info.id);
    for (const auto& c : cases) {
        const auto cell = cell_names[static_cast<std::size_t>(c.cell)];
        SCOPED_TRACE(std::string(c.control) + ", " + std::string(cell));
        EXPECT_TRUE(known.contains(c.control)) << "no such control";
        EXPECT_NE(static_cast<bool>(c.arrange), !c.why_not.empty()) << "a case, or a reason for none";
        const int before = seen[{c.control, c.cell}]++;
        EXPECT_TRUE(before == 0 || c.why_not.empty()) << "there is a case after all";
        if (!c.arrange)
            continue;
        Scene<M> scene;
        base(scene);
        c.arrange(scene);
        const auto findings = scene.judge(c.control);
        EXPECT_FALSE(findings.empty());
        EXPECT_TRUE(detail::fits(c.cell, findings)) << detail::shown(findings);
        EXPECT_TRUE(std::ranges::all_of(findings, detail::showable)) << detail::shown(findings);
    }
    for (const auto id : known)
        for (const Cell cell : {Cell::pass, Cell::fail, Cell::not_applicable, Cell::unknown, Cell::hostile})
            EXPECT_TRUE(seen.contains({id, cell}))
                << id << " has no case for " << cell_names[static_cast<std::size_t>(cell)];
}

}  // namespace plimsoll::tests
