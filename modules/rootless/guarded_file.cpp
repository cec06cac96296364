// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/guarded_file.hpp"

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t max_profile = std::size_t{1} << 20;

constexpr int max_links = 256;  // of one path, those on the way to their targets included

class ChainReader {
  public:
    explicit ChainReader(const host::Sysroot& root) : root_(root) {}

    Result<void> walk(const std::string& path) {
        for (std::size_t end = 0; end != std::string::npos;) {
            end = path.find('/', end + 1);
            PLIMSOLL_TRY(const bool there, step(path.substr(0, end)));
            if (!there)
                break;
        }
        return {};
    }

    std::vector<PathStep> take() { return std::move(steps_); }

  private:
    // false: there is nothing.
    Result<bool> step(const std::string& path) {
        const auto own = root_.lstat(path);
        if (own && S_ISLNK(own->st_mode))
            PLIMSOLL_CHECK(follow(path, own->st_uid));
        const auto st = root_.stat(path);
        if (st)
            steps_.push_back({path, st->st_uid, st->st_mode});
        else if (st.error().code != Code::not_found)
            return Failure(st.error());
        return st.has_value();
    }

    Result<void> follow(const std::string& link, std::uint32_t owner) {
        if (++links_ > max_links)
            return fail(Code::integrity, link + ": too many symlinks lead to it");
        // Elsewhere the directory alone decides who may put another link in its place.
        if (!steps_.empty() && (steps_.back().mode & S_ISVTX) != 0)
            steps_.push_back({link, owner, S_IFLNK});
        PLIMSOLL_TRY(const auto target, root_.read_link(link));
        return walk(target.starts_with('/') ? target : link.substr(0, link.rfind('/') + 1) + target);
    }

    const host::Sysroot& root_;
    std::vector<PathStep> steps_{};
    int links_{0};
};

}  // namespace

PathChain chain_of(const host::Sysroot& root, const std::string& path) {
    ChainReader reader(root);
    PLIMSOLL_CHECK(reader.walk(path));
    return reader.take();
}

Result<SeccompProfile> read_profile(const host::Sysroot& root, const std::string& path) {
    PLIMSOLL_TRY(const std::string text, root.read(path, max_profile));
    PLIMSOLL_TRY(const Value json, parse_json(text, path));
    const Value* action = json.at("defaultAction");
    return SeccompProfile{action != nullptr && action->string() != nullptr ? *action->string() : "",
                          sha256(text)};
}

std::string unsafe_chain(const std::vector<PathStep>& chain, std::uint32_t uid) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const PathStep& step = chain[i];
        if (step.uid != 0 && step.uid != uid)
            return step.path + " belongs to uid " + std::to_string(step.uid);
        // In a sticky directory others cannot replace what stands there, but they can create what does not.
        const bool keeps = (step.mode & S_ISVTX) != 0 && i + 1 < chain.size();
        if ((step.mode & (S_IWGRP | S_IWOTH)) != 0 && !keeps)
            return step.path + " can be written by " +
                   ((step.mode & S_IWOTH) != 0 ? "everybody" : "its group");
    }
    return "";
}

std::string profile_problem(const SeccompProfile& p) {
    const std::string action = printable(p.default_action, 40);
    if (action.empty())
        return "has no defaultAction";
    return action == "SCMP_ACT_ALLOW" || action == "SCMP_ACT_LOG" || action == "SCMP_ACT_TRACE"
               ? "allows what it does not name (" + action + ")"
               : "";
}

}  // namespace plimsoll::modules::rootless
