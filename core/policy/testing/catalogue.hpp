// SPDX-License-Identifier: Apache-2.0
// A small catalogue and module for the tests of this folder.
#pragma once
#include "core/policy/engine.hpp"

#include <memory>

namespace plimsoll::policy::fake {

inline const std::vector<ControlInfo>& controls() {
    static const std::vector<ControlInfo> all{
        {.id = "demo.live",
         .code = "X01",
         .title = "Live",
         .why = "It goes wrong.",
         .severity = Severity::high,
         .fix_class = FixClass::live,
         .fix = "Edit it."},
        {.id = "demo.restart",
         .code = "X02",
         .title = "Restart",
         .why = "It goes wrong.",
         .severity = Severity::medium,
         .fix_class = FixClass::service_restart,
         .fix = "Restart it."},
        {.id = "demo.person",
         .code = "X03",
         .title = "Person",
         .why = "It goes wrong.",
         .severity = Severity::low,
         .fix_class = FixClass::never_automatic,
         .fix = "Ask somebody."},
    };
    return all;
}

inline const std::vector<ParamSpec>& params() {
    static const std::vector<ParamSpec> all{
        {.control = "demo.live",
         .key = "min",
         .type = ParamType::integer,
         .fallback = 10,
         .strict = 20,
         .min = 1,
         .max = 100,
         .doc = "How many."},
        {.control = "demo.live",
         .key = "deep",
         .type = ParamType::boolean,
         .fallback = false,
         .doc = "Or not."},
        {.control = "demo.restart",
         .key = "driver",
         .type = ParamType::string,
         .fallback = "pasta",
         .choices = {"pasta", "slirp4netns"},
         .doc = "Which."},
        {.control = "demo.restart",
         .key = "label",
         .type = ParamType::string,
         .fallback = "",
         .doc = "Any text."},
        {.control = "demo.person",
         .key = "allowed",
         .type = ParamType::string_list,
         .fallback = Value(std::vector<std::string>{"anyone"}),
         .strict = Value(std::vector<std::string>{}),
         .doc = "Who."},
        {.control = "demo.person",
         .key = "caps",
         .type = ParamType::string_list,
         .fallback = Value(std::vector<std::string>{}),
         .choices = {"chown", "kill"},
         .doc = "Which ones."},
    };
    return all;
}

// Gives the findings it was made with.
class FakeModule final : public Module {
  public:
    explicit FakeModule(std::vector<Finding> findings, int* runs = nullptr)
        : findings_(std::move(findings)), runs_(runs) {}

    [[nodiscard]] std::string_view name() const override { return "demo"; }

    [[nodiscard]] std::span<const ControlInfo> controls() const override { return fake::controls(); }

    [[nodiscard]] std::vector<ParamSpec> params() const override { return fake::params(); }

    [[nodiscard]] std::vector<Finding> assess(const host::Host&, const ParamValues&, const Provision&, Time,
                                              const Wanted&) const override {
        if (runs_ != nullptr)
            ++*runs_;
        return findings_;
    }

  private:
    std::vector<Finding> findings_;
    int* runs_;
};

inline Modules modules(std::vector<Finding> findings = {}, int* runs = nullptr) {
    Modules out;
    out.push_back(std::make_unique<FakeModule>(std::move(findings), runs));
    return out;
}

// Of the fake module and the engine.
inline const Catalogue& catalogue() {
    static const Modules all = modules();
    static const Catalogue out = catalogue_of(all);
    return out;
}

}  // namespace plimsoll::policy::fake
