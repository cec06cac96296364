// SPDX-License-Identifier: Apache-2.0
// Collects the findings of one control: at least one, and never so many that nobody can read them.
#pragma once
#include "modules/subuid/subuid.hpp"

namespace plimsoll::modules::subuid {

inline constexpr std::size_t max_failures = 200;
inline constexpr std::size_t max_evidence = 20;

[[nodiscard]] const policy::ControlInfo& control(std::string_view id);

[[nodiscard]] policy::Fix by_hand(std::string summary);
[[nodiscard]] policy::Fix live_fix(std::string summary, std::vector<policy::Change> changes);

// One piece of evidence for each of the first items, and how many more there are.
template <class Items, class Make>
[[nodiscard]] std::vector<policy::Evidence> some_evidence(const Items& items, Make make) {
    std::vector<policy::Evidence> out;
    for (const auto& item : items) {
        if (out.size() == max_evidence) {
            out.push_back(
                {out.back().source, "and " + std::to_string(items.size() - max_evidence) + " more", ""});
            break;
        }
        out.push_back(make(item));
    }
    return out;
}

class Verdict {
  public:
    explicit Verdict(std::string_view id) : control_(control(id)) {}

    // Whether a further failure will only be counted: then its evidence and fix need not be made.
    [[nodiscard]] bool full() const { return failures_.size() >= max_failures; }

    void fail(const std::string& subject, const std::string& message, std::vector<policy::Evidence> evidence,
              policy::Fix fix, std::optional<policy::Severity> severity = {});
    // A failure that is only counted.
    void fail_uncounted(std::size_t more, policy::Severity severity);
    void unknown(const std::string& subject, const std::string& reason);

    [[nodiscard]] bool failed() const { return !failures_.empty(); }

    [[nodiscard]] bool clear() const { return failures_.empty() && unknowns_.empty(); }

    // The findings; `otherwise` with its message when nothing failed and nothing is unknown.
    [[nodiscard]] std::vector<policy::Finding> finish(policy::Status otherwise, const std::string& message,
                                                      std::vector<policy::Evidence> evidence = {}) &&;

  private:
    const policy::ControlInfo& control_;
    std::vector<policy::Finding> failures_{};
    std::vector<policy::Finding> unknowns_{};
    std::size_t more_{0};
    policy::Severity more_severity_{policy::Severity::info};
};

}  // namespace plimsoll::modules::subuid
