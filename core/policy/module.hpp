// SPDX-License-Identifier: Apache-2.0
// What a module is: parameters, facts, one function that looks at the host and one pure function that judges.
// Adding a control is described in docs/add-a-control.md.
#pragma once
#include "core/policy/finding.hpp"
#include "core/policy/params.hpp"
#include "core/policy/provision.hpp"

#include <concepts>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace plimsoll::host {
class Host;
}

namespace plimsoll::policy {

// Whether a control is asked for, by its id.
using Wanted = std::function<bool(std::string_view)>;

inline bool every_control(std::string_view) {
    return true;
}

template <class M>
concept ModuleType = requires(const host::Host& host, const typename M::Params& params,
                              const typename M::Facts& facts, const Provision& provision, Time now) {
    { M::name } -> std::convertible_to<std::string_view>;
    // The controls of this module, in catalogue order.
    { M::controls() } -> std::same_as<std::span<const ControlInfo>>;
    { M::params() } -> std::same_as<const std::vector<Param<typename M::Params>>&>;
    // The only function that touches the host; it changes nothing and never fails as a whole: what could not
    // be read is an Error inside the facts, and becomes `unknown`.
    { M::observe(host, params, provision) } -> std::same_as<typename M::Facts>;
    // Pure, total and deterministic. At least one finding per control. The changes of a failing finding's
    // fix, carried out and observed again, make it pass.
    { M::evaluate(params, provision, facts, now) } -> std::same_as<std::vector<Finding>>;
};

// One whose judging is dear enough to leave out what nobody asked for: `wanted` is called with ids of its
// controls. Findings of others are dropped by whoever asks.
template <class M>
concept SelectiveType =
    ModuleType<M> && requires(const typename M::Params& params, const typename M::Facts& facts,
                              const Provision& provision, Time now, const Wanted& wanted) {
        { M::evaluate_wanted(params, provision, facts, now, wanted) } -> std::same_as<std::vector<Finding>>;
    };

// A module with its types erased, so that the engine can hold a list of them.
class Module {
  public:
    virtual ~Module() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    [[nodiscard]] virtual std::span<const ControlInfo> controls() const = 0;
    [[nodiscard]] virtual std::vector<ParamSpec> params() const = 0;
    [[nodiscard]] virtual std::vector<Finding> assess(const host::Host& host, const ParamValues& values,
                                                      const Provision& provision, Time now,
                                                      const Wanted& wanted) const = 0;
};

template <ModuleType M>
std::unique_ptr<Module> make_module() {
    class Erased final : public Module {
      public:
        std::string_view name() const override { return M::name; }

        std::span<const ControlInfo> controls() const override { return M::controls(); }

        std::vector<ParamSpec> params() const override { return specs_of(M::params()); }

        std::vector<Finding> assess(const host::Host& host, const ParamValues& values,
                                    const Provision& provision, Time now,
                                    const Wanted& wanted) const override {
            const auto bound = bind_params(M::params(), values);
            const auto facts = M::observe(host, bound, provision);
            if constexpr (SelectiveType<M>)
                return M::evaluate_wanted(bound, provision, facts, now, wanted);
            else
                return M::evaluate(bound, provision, facts, now);
        }
    };

    return std::make_unique<Erased>();
}

using Modules = std::vector<std::unique_ptr<Module>>;

}  // namespace plimsoll::policy
