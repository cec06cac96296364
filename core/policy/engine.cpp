// SPDX-License-Identifier: Apache-2.0
#include "core/policy/engine.hpp"

#include "core/base/text.hpp"
#include "core/policy/engine_controls.hpp"

#include <algorithm>

namespace plimsoll::policy {
namespace {

ControlPolicy policy_of(const Policy& policy, std::string_view control) {
    const auto it = policy.controls.find(control);
    return it == policy.controls.end() ? ControlPolicy{} : it->second;
}

bool is_active(const Policy& policy, const Selection& selection, std::string_view control) {
    return policy_of(policy, control).mode != Mode::off && selection.covers(control);
}

class Run {
  public:
    Run(const Policy& policy, const Selection& selection, Time now)
        : policy_(policy), selection_(selection), now_(now), uses_(policy.exceptions.size()) {}

    void module(const Module& module, std::vector<Finding> found) {
        std::map<std::string, std::vector<Finding>, std::less<>> by_control;
        out_.findings.reserve(out_.findings.size() + found.size());
        for (Finding& f : found)
            by_control[f.control].push_back(std::move(f));
        for (const ControlInfo& c : module.controls()) {
            const ControlPolicy control = policy_of(policy_, c.id);
            if (control.mode == Mode::off || !selection_.covers(c.id))
                continue;
            auto& given = by_control[std::string(c.id)];
            if (given.empty())
                given.push_back(make_finding(c, Status::unknown, "host", "the module gave no finding"));
            for (Finding& f : given) {
                apply(control, f);
                except(f);
                out_.findings.push_back(std::move(f));
            }
        }
    }

    void engine(const EngineFacts& facts) {
        for (const ControlInfo& c : engine_controls()) {
            const bool refused = c.id == files_id && !facts.broken.empty();
            // A policy that is not in force must be told whatever was selected.
            if (!active(c.id) && !(refused && policy_of(policy_, c.id).mode != Mode::off))
                continue;
            for (Finding& f : judge(c, facts)) {
                apply(policy_of(policy_, c.id), f);
                out_.findings.push_back(std::move(f));
            }
        }
    }

    Assessment take() { return std::move(out_); }

  private:
    [[nodiscard]] bool active(std::string_view control) const {
        return is_active(policy_, selection_, control);
    }

    [[nodiscard]] std::vector<Finding> judge(const ControlInfo& c, const EngineFacts& facts) const {
        if (c.id == files_id)
            return judge_files(facts.broken);
        if (c.id == contested_id)
            return judge_contested(facts.contests);
        if (c.id == expired_id)
            return judge_expired(policy_.exceptions, now_);
        return judge_unmatched(policy_.exceptions, uses_, now_, [&](const std::string& glob) {
            return std::ranges::all_of(policy_.controls, [&](const auto& entry) {
                return !glob_match(glob, entry.first) || selection_.covers(entry.first);
            });
        });
    }

    static void apply(const ControlPolicy& control, Finding& f) {
        f.mode = control.mode;
        if (control.severity)
            f.severity = *control.severity;
    }

    void except(Finding& f) {
        const Exception* by = nullptr;
        for (std::size_t i = 0; i < uses_.size(); ++i) {
            const Exception& e = policy_.exceptions[i];
            if (e.expires <= now_ || !glob_match(e.control, f.control))
                continue;
            uses_[i].unknown |= f.status == Status::unknown;
            uses_[i].applicable |= f.status != Status::not_applicable;
            if (f.status != Status::fail || !glob_match(e.subject, f.subject))
                continue;
            uses_[i].matched = true;
            // The one that holds longest, so that the text does not depend on the order of files.
            if (by == nullptr || e.expires > by->expires)
                by = &e;
        }
        if (by == nullptr)
            return;
        f.status = Status::excepted;
        f.exception = describe(*by);
        f.fix.reset();
    }

    const Policy& policy_;
    const Selection& selection_;
    Time now_;
    std::vector<ExceptionUse> uses_;
    Assessment out_;
};

}  // namespace

std::array<std::size_t, 5> Assessment::count() const {
    std::array<std::size_t, 5> out{};
    for (const Finding& f : findings)
        ++out[static_cast<std::size_t>(f.status)];
    return out;
}

bool Selection::covers(std::string_view control) const {
    return globs.empty() || std::ranges::any_of(globs, [&](const std::string& glob) {
               return glob_match(glob, std::string(control));
           });
}

Catalogue catalogue_of(const Modules& modules) {
    Catalogue out;
    for (const auto& module : modules) {
        for (const ControlInfo& c : module->controls())
            out.controls.push_back(&c);
        std::ranges::move(module->params(), std::back_inserter(out.params));
    }
    for (const ControlInfo& c : engine_controls())
        out.controls.push_back(&c);
    return out;
}

bool is_wanted(const Module& module, const Policy& policy, const Selection& selection) {
    return std::ranges::any_of(module.controls(),
                               [&](const ControlInfo& c) { return is_active(policy, selection, c.id); });
}

Assessment conclude(const Modules& modules, RawFindings raw, const Policy& policy, const Selection& selection,
                    Time now, const EngineFacts& facts) {
    Run run(policy, selection, now);
    for (std::size_t i = 0; i < modules.size(); ++i)
        run.module(*modules[i], raw[i] ? *std::move(raw[i]) : std::vector<Finding>{});
    run.engine(facts);
    return run.take();
}

Assessment assess(const Modules& modules, const host::Host& host, const Policy& policy,
                  const Selection& selection, Time now, const Problems& broken) {
    RawFindings raw;
    raw.reserve(modules.size());
    const Wanted wanted = [&](std::string_view id) { return is_active(policy, selection, id); };
    for (const auto& module : modules)
        raw.push_back(is_wanted(*module, policy, selection)
                          ? std::optional(module->assess(host, policy.params, policy.provision, now, wanted))
                          : std::nullopt);
    return conclude(modules, std::move(raw), policy, selection, now, {broken, std::nullopt});
}

int verdict(const Assessment& assessment, const Policy& policy) {
    const auto any = [&](auto&& test) { return std::ranges::any_of(assessment.findings, test); };
    if (any([](const Finding& f) { return f.status == Status::fail; }))
        return 1;
    const auto not_observed = [&](const Finding& f) {
        return f.status == Status::unknown && policy_of(policy, f.control).required;
    };
    return any(not_observed) ? 3 : 0;
}

}  // namespace plimsoll::policy
