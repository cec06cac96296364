// SPDX-License-Identifier: Apache-2.0
// The command line, described once: parsing (options.cpp), --help, the man page and the shell completions all
// follow from this table.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace plimsoll::agentctl {

// What the caller asked for. Members are set by the table in command_line.cpp.
struct Options {
    std::string verb{};  // "check", "policy show"
    std::string root{"/"};
    std::string state{"/var/lib/plimsoll"};  // a path within the root
    std::vector<std::string> policy{};       // replaces the host's policy directories
    std::vector<std::string> control{};      // globs
    std::string format{"table"};
    std::string color{"auto"};
    bool json{false};  // short for format json
    bool quiet{false};
    bool verbose{false};
    bool enforced{false};              // plan, apply: only controls in mode enforce
    bool yes{false};                   // apply: do not ask
    std::vector<std::string> allow{};  // apply: fix classes beyond live
    std::string id{};                  // undo: journal entry
    bool last{false};                  // undo
    bool all{false};                   // undo
    std::string subject{};             // explain: control id or code; generate: what
    std::vector<std::string> files{};  // policy validate
    std::string bus{};                 // live verbs: "session" or "system"; empty: PLIMSOLL_BUS, else system
    std::string since{};               // history: see parse_since()
    std::string limit{"100"};          // history
    std::string timeout{};             // wait: seconds; empty: for ever
    bool inside_line{false};           // wait
};

// What a shell offers as the value of an option.
enum class Completion { none, file, directory, control };

struct OptionSpec {
    std::string_view names;  // "-q,--quiet"; a positional argument has no dash: "CONTROL"
    std::variant<bool Options::*, std::string Options::*, std::vector<std::string> Options::*> target;
    std::string_view value;  // "DIR"; empty for a flag
    std::string_view help;   // a sentence without full stop
    std::vector<std::string_view> choices{};
    Completion completion{Completion::none};

    [[nodiscard]] bool positional() const { return !names.starts_with('-'); }

    [[nodiscard]] bool repeatable() const {
        return std::holds_alternative<std::vector<std::string> Options::*>(target);
    }
};

struct Example {
    std::string_view command;
    std::string_view what;
};

struct VerbSpec {
    std::string_view name;     // "check", "policy", "policy show"
    std::string_view summary;  // a few words, imperative
    std::string_view text;     // paragraphs separated by an empty line
    std::vector<OptionSpec> options{};
    std::vector<Example> examples{};
    std::vector<std::string_view> formats{"table", "json"};  // what --format may be
    bool hidden{false};                                      // not in --help, man page and completions
    bool live{false};                                        // asks the daemon: plimsoll-live carries it out
};

// What --limit and --timeout may be.
inline constexpr std::uint64_t most_transitions = 10'000;
inline constexpr std::uint64_t longest_wait_s = 366ULL * 24 * 3600;

struct ExitCode {
    int code;
    std::string_view meaning;
};

inline constexpr int exit_inside = 0;
inline constexpr int exit_outside = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_unobserved = 3;
inline constexpr int exit_not_permitted = 4;

[[nodiscard]] std::span<const ExitCode> exit_codes();
[[nodiscard]] const std::vector<OptionSpec>& global_options();
// In the order of the help. A verb with sub-verbs ("policy") stands before them and cannot be run itself.
[[nodiscard]] const std::vector<VerbSpec>& verb_table();
[[nodiscard]] const VerbSpec* find_verb(std::string_view name);
// Whether `name` has sub-verbs.
[[nodiscard]] bool is_group(std::string_view name);

// The names of one option: "-q,--quiet" -> {"-q", "--quiet"}.
[[nodiscard]] std::vector<std::string> option_names(const OptionSpec& option);

}  // namespace plimsoll::agentctl
