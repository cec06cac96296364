// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/policy_keeper.hpp"

#include "core/base/text.hpp"
#include "core/host/policy_files.hpp"

#include <algorithm>
#include <iterator>

namespace plimsoll::daemon {
namespace {

policy::Problems lines_of(const std::string& message) {
    policy::Problems out;
    for (const auto line : split_lines(message))
        out.emplace_back(line);
    return out;
}

}  // namespace

PolicyKeeper::PolicyKeeper(const host::Host& host, std::vector<std::string> paths,
                           const policy::Catalogue& catalogue)
    : host_(host), paths_(std::move(paths)), catalogue_(catalogue) {}

Result<PolicyKeeper::Read> PolicyKeeper::read() const {
    if (paths_.empty()) {
        PLIMSOLL_TRY(auto loaded, host::load_policy(host_, host_.state_dir(), catalogue_));
        return Read{std::move(loaded.policy), std::move(loaded.broken)};
    }
    std::vector<policy::PolicyFile> files;
    for (const auto& path : paths_) {
        PLIMSOLL_TRY(auto found, host::read_policy_path(path));
        std::ranges::move(found, std::back_inserter(files));
    }
    auto compiled = policy::compile_policy(files, catalogue_);
    if (!compiled)
        return fail(Code::invalid_input, join(compiled.error(), "\n"));
    return Read{*std::move(compiled), {}};
}

void PolicyKeeper::keep() {
    if (!paths_.empty())
        return;
    const host::Sysroot::Unrecorded ours(host_.root());
    const auto kept = host::keep_last_good(host_, host_.state_dir(), policy_, catalogue_);
    problem_ = kept ? "" : "the policy cannot be kept as the last good one: " + kept.error().message;
}

Result<void> PolicyKeeper::begin() {
    auto now = read();
    if (!now && !paths_.empty())
        return Failure(std::move(now).error());
    if (!now) {
        broken_ = lines_of(now.error().message);
        policy_ = policy::compile_policy({}, catalogue_).value_or(policy::Policy{});
        return {};
    }
    policy_ = std::move(now->policy);
    broken_ = std::move(now->broken);
    if (broken_.empty())
        keep();
    return {};
}

bool PolicyKeeper::reload() {
    auto now = read();
    policy::Problems broken = now ? std::move(now->broken) : lines_of(now.error().message);
    const bool told = broken != broken_;
    broken_ = std::move(broken);
    // What we have is at least as good as what the state directory kept.
    if (!broken_.empty())
        return told;
    const bool other = now->policy.digest != policy_.digest;
    policy_ = std::move(now->policy);
    keep();
    return told || other;
}

}  // namespace plimsoll::daemon
