// SPDX-License-Identifier: Apache-2.0
#include "agentctl/terminal.hpp"

#include "agentctl/options.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace plimsoll::agentctl {
namespace {

constexpr std::size_t narrowest = 40;
constexpr std::size_t widest = 160;  // longer lines of prose are hard to read

bool wants_color(const Options& options) {
    if (options.color != "auto")
        return options.color == "always";
    const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty
    const char* term = std::getenv("TERM");
    return ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0') &&
           (term == nullptr || std::string_view(term) != "dumb");
}

std::size_t terminal_width() {
    struct winsize size{};
    if (::isatty(STDOUT_FILENO) != 1 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return std::clamp<std::size_t>(size.ws_col, narrowest, widest);
}

std::string repeated_options(const Options& options) {
    std::string out;
    const auto add = [&](std::string_view name, const std::string& value) {
        out += " " + std::string(name) + " " + render::shell_quote(render::safe(value));
    };
    const Options defaults;
    if (options.root != defaults.root)
        add("--root", options.root);
    if (options.state != defaults.state)
        add("--state", options.state);
    for (const auto& p : options.policy)
        add("--policy", p);
    for (const auto& c : options.control)
        add("--control", c);
    return out;
}

}  // namespace

render::Style style_for(const Options& options) {
    return {wants_color(options), options.verbose, terminal_width(), repeated_options(options)};
}

int print(const Options& options, std::string_view text, int exit_code) {
    if (options.quiet)
        return exit_code;
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (std::fflush(stdout) == 0 && written)
        return exit_code;
    std::perror("agentctl: cannot write the output");
    return exit_code == exit_inside ? exit_unobserved : exit_code;
}

int print_json(const Options& options, const Value& json, int exit_code) {
    return print(options, render::safe_json(to_json(json, 2)) + "\n", exit_code);
}

int complain(const Stop& stop) {
    warn(stop.message);
    return stop.exit_code;
}

void warn(std::string_view message) {
    std::string out;
    for (const auto line : split_lines(message))
        out += (out.empty() ? "agentctl: " : "") + render::safe(line) + "\n";
    (void)std::fputs(out.c_str(), stderr);
}

int run_command_line(int argc, char** argv, const std::function<int(const Options&)>& run) {
    // A reader that goes away is an error of writing, not a death, least of all between two changes.
    (void)std::signal(SIGPIPE, SIG_IGN);
    const auto options = parse_options(argc, argv);
    if (options)
        return run(*options);
    (void)std::fputs(options.error().text.c_str(),
                     options.error().exit_code == exit_inside ? stdout : stderr);
    return options.error().exit_code;
}

bool can_ask() {
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

bool ask(std::string_view question) {
    (void)std::fputs((std::string(question) + " [y/N] ").c_str(), stderr);
    std::array<char, 16> answer{};
    if (std::fgets(answer.data(), static_cast<int>(answer.size()), stdin) == nullptr)
        return false;
    const auto word = trim(std::string_view(answer.data()));
    return word == "y" || word == "Y" || word == "yes";
}

}  // namespace plimsoll::agentctl
