// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/kernel_arguments.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <map>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t max_text = std::size_t{1} << 20;
constexpr std::size_t max_entries = 64;

// Scripts of a shell's kind assign the arguments to variables; of /etc/default/grub it is a shell's.
enum class Syntax { plain, script, shell };

struct Place {
    std::string_view path;
    Syntax syntax;
};

// Files of which every line counts.
constexpr Place files[] = {
    {"/etc/kernel/cmdline", Syntax::plain},      {"/usr/lib/kernel/cmdline", Syntax::plain},
    {"/etc/default/grub", Syntax::shell},        {"/boot/grub/grub.cfg", Syntax::script},
    {"/boot/grub2/grub.cfg", Syntax::script},    {"/oem/grub.cfg", Syntax::script},
    {"/usr/share/oem/grub.cfg", Syntax::script}, {"/boot/grub2/user.cfg", Syntax::script}};

struct Directory {
    Place place;
    std::string_view suffix;
};

constexpr Directory directories[] = {{{"/etc/default/grub.d", Syntax::shell}, ".cfg"},
                                     {{"/boot/loader/entries", Syntax::plain}, ".conf"},
                                     {{"/efi/loader/entries", Syntax::plain}, ".conf"},
                                     {{"/boot/efi/loader/entries", Syntax::plain}, ".conf"},
                                     {{"/usr/lib/bootc/kargs.d", Syntax::plain}, ".toml"}};

// What separates arguments in any of these files: quotes of shells, commas of TOML.
std::vector<std::string_view> arguments_in(std::string_view line) {
    std::vector<std::string_view> out;
    constexpr std::string_view separators = " \t\r\"'[],;";
    for (auto at = line.find_first_not_of(separators); at != std::string_view::npos;) {
        const auto end = std::min(line.find_first_of(" \t\r\"'[];", at), line.size());
        out.push_back(line.substr(at, end - at));
        at = line.find_first_not_of(separators, end);
    }
    return out;
}

// Takes the comments from the lines of a shell's file, of which a quoted text may span several.
class ShellLines {
  public:
    std::string_view without_comment(std::string_view line) {
        bool begins_word = quote_ == 0;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const char c = line[i];
            if (quote_ == 0 && begins_word && c == '#')
                return line.substr(0, i);
            begins_word = quote_ == 0 && std::string_view(" \t;&|()").find(c) != std::string_view::npos;
            if (c == '\\' && quote_ != '\'')
                ++i;
            else if (quote_ != 0 ? c == quote_ : c == '"' || c == '\'')
                quote_ = quote_ != 0 ? '\0' : c;
        }
        return line;
    }

  private:
    char quote_{0};
};

class Reader {
  public:
    Reader(const host::Sysroot& root, std::span<const KernelParameter> wanted)
        : root_(root), wanted_(wanted) {}

    void file(const std::string& path, Syntax syntax) {
        const auto text = root_.read(path, max_text);
        if (!text && text.error().code != Code::not_found)
            found.problems.push_back(text.error());
        if (!text)
            return;
        int number = 0;
        ShellLines shell;
        for (auto line : split_lines(*text)) {
            ++number;
            if (syntax == Syntax::shell)
                line = shell.without_comment(line);
            else if (trim(line).starts_with('#'))
                continue;
            arguments(line, syntax != Syntax::plain, path + ":" + std::to_string(number));
        }
    }

    void directory(const Directory& dir) {
        const std::string path(dir.place.path);
        const auto entries = root_.list(path);
        if (!entries && entries.error().code != Code::not_found)
            found.problems.push_back(entries.error());
        if (!entries)
            return;
        std::size_t taken = 0;
        for (const auto& e : *entries) {
            if (!e.name.ends_with(dir.suffix))
                continue;
            if (++taken > max_entries) {
                found.problems.push_back({Code::invalid_input, 0, path + ": too many files"});
                return;
            }
            file(path + "/" + e.name, dir.place.syntax);
        }
    }

    KernelArguments found{};

  private:
    [[nodiscard]] const KernelParameter* wanted(std::string_view argument) const {
        const auto it =
            std::ranges::find(wanted_, argument.substr(0, argument.find('=')), &KernelParameter::name);
        return it != wanted_.end() ? &*it : nullptr;
    }

    // GRUB_CMDLINE_LINUX=quiet needs no quotes: an argument can follow a variable's name.
    [[nodiscard]] std::string_view assigned(std::string_view argument) const {
        for (auto eq = argument.find('='); eq != std::string_view::npos; eq = argument.find('=')) {
            argument.remove_prefix(eq + 1);
            if (wanted(argument) != nullptr)
                return argument;
        }
        return {};
    }

    // What follows a name may be a variable's or an argument's value, so that it takes no other's place.
    void arguments(std::string_view line, bool assigns, const std::string& source) {
        std::map<std::string_view, std::string_view> last;
        for (const auto argument : arguments_in(line)) {
            if (const KernelParameter* parameter = wanted(argument); parameter == nullptr) {
                if (const auto value = assigns ? assigned(argument) : std::string_view(); !value.empty())
                    found.all.push_back({std::string(value), source});
            } else if (parameter->adds_up) {
                found.all.push_back({std::string(argument), source});
            } else {
                last[parameter->name] = argument;
            }
        }
        for (const auto& [name, argument] : last)
            found.all.push_back({std::string(argument), source});
    }

    const host::Sysroot& root_;
    std::span<const KernelParameter> wanted_;
};

}  // namespace

KernelArguments read_kernel_arguments(const host::Sysroot& root, std::span<const KernelParameter> wanted) {
    Reader reader(root, wanted);
    for (const Place& place : files)
        reader.file(std::string(place.path), place.syntax);
    for (const Directory& dir : directories)
        reader.directory(dir);
    return std::move(reader.found);
}

}  // namespace plimsoll::modules::rootless
