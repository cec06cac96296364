// SPDX-License-Identifier: Apache-2.0
// Which SELinux label the host's own policy wants for a file. The policy's text is read below the host's
// root: libselinux opens its files, and their compiled copies, by absolute path, outside of any --root.
#pragma once
#include "core/host/host.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::subuid {

// One line of a file_contexts(5) file that can concern a path we ask for.
struct LabelRule {
    std::string pattern;  // as written, a regular expression for the whole path
    std::string context;  // "system_u:object_r:etc_t:s0", or "<<none>>"
    std::string source;   // "FILE:LINE"
    bool literal{false};  // without special characters: wins over every expression
};

// The rules of `text` for regular files that may match one of `paths`, in their order. Pure.
[[nodiscard]] std::vector<LabelRule> label_rules(std::string_view text, const std::string& source,
                                                 const std::vector<std::string>& paths);

// The rule that decides for `path`: the last literal one, else the last expression that matches, as in
// libselinux (selabel_file(5)); nullopt: none. Code::unsupported when an expression is not one that POSIX and
// PCRE take alike, or could cost too much: then nobody can say. Pure.
[[nodiscard]] Result<std::optional<LabelRule>> label_rule_for(const std::vector<LabelRule>& rules,
                                                              const std::string& path);

// One line of file_contexts.subs or .subs_dist: paths below `alias` have the labels of those below
// `original`.
struct Substitution {
    std::string alias;
    std::string original;
    std::string source;  // "FILE:LINE"
};

// Pure; any bytes.
[[nodiscard]] std::vector<Substitution> substitutions(std::string_view text, const std::string& source);

struct LabelPath {
    std::string name;                // by which the rules know the path
    std::vector<Substitution> by{};  // what renamed it
};

// As libselinux does it: a line of the administrator's (semanage-fcontext(8) --equal) first, then one of the
// distribution's on what that gave; of several lines the last. libselinux 3.8 takes the first: where that
// makes a difference, Code::unsupported. Pure.
[[nodiscard]] Result<LabelPath> label_path(std::span<const Substitution> local,
                                           std::span<const Substitution> dist, const std::string& path);

struct LabelPolicy {
    bool in_use{false};                                // false: no SELinux here; then nothing below counts
    std::string type;                                  // SELINUXTYPE
    std::map<std::string, Result<LabelPath>> names{};  // by path
    Result<std::vector<LabelRule>> rules{};            // for these names
};

// From /etc/selinux/config and TYPE's file_contexts, with its .homedirs and .local, .subs and .subs_dist. A
// running host without selinuxfs does not use SELinux, whatever its files say.
[[nodiscard]] Result<LabelPolicy> read_label_policy(const host::Host& host,
                                                    const std::vector<std::string>& paths);

// "etc_t" of "system_u:object_r:etc_t:s0"; empty: not a context.
[[nodiscard]] std::string_view type_of_label(std::string_view context);

}  // namespace plimsoll::modules::subuid
