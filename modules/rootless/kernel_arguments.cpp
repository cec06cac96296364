// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/kernel_arguments.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <map>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t max_text = std::size_t{1} << 20;
constexpr std::size_t max_entries = 64;

// Files of which every line counts, and directories of such.
constexpr std::string_view files[] = {
    "/etc/kernel/cmdline",  "/usr/lib/kernel/cmdline", "/etc/default/grub",       "/boot/grub/grub.cfg",
    "/boot/grub2/grub.cfg", "/oem/grub.cfg",           "/usr/share/oem/grub.cfg", "/boot/grub2/user.cfg"};

struct Directory {
    std::string_view path;
    std::string_view suffix;
};

constexpr Directory directories[] = {{"/etc/default/grub.d", ".cfg"},
                                     {"/boot/loader/entries", ".conf"},
                                     {"/efi/loader/entries", ".conf"},
                                     {"/boot/efi/loader/entries", ".conf"},
                                     {"/usr/lib/bootc/kargs.d", ".toml"}};

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

class Reader {
  public:
    Reader(const host::Sysroot& root, const std::vector<std::string_view>& names)
        : root_(root), names_(names) {}

    void file(const std::string& path) {
        const auto text = root_.read(path, max_text);
        if (!text && text.error().code != Code::not_found)
            found.problems.push_back(text.error());
        if (!text)
            return;
        int number = 0;
        for (const auto line : split_lines(*text)) {
            ++number;
            if (!trim(line).starts_with('#'))
                arguments(line, path + ":" + std::to_string(number));
        }
    }

    void directory(const Directory& dir) {
        const auto entries = root_.list(dir.path);
        if (!entries && entries.error().code != Code::not_found)
            found.problems.push_back(entries.error());
        if (!entries)
            return;
        std::size_t taken = 0;
        for (const auto& e : *entries) {
            if (!e.name.ends_with(dir.suffix))
                continue;
            if (++taken > max_entries) {
                found.problems.push_back(
                    {Code::invalid_input, 0, std::string(dir.path) + ": too many files"});
                return;
            }
            file(std::string(dir.path) + "/" + e.name);
        }
    }

    KernelArguments found{};

  private:
    static std::string_view name_of(std::string_view argument) {
        return argument.substr(0, argument.find('='));
    }

    [[nodiscard]] bool wanted(std::string_view name) const {
        return std::ranges::find(names_, name) != names_.end();
    }

    void arguments(std::string_view line, const std::string& source) {
        std::map<std::string_view, std::string_view> last;
        for (auto argument : arguments_in(line)) {
            auto name = name_of(argument);
            // GRUB_CMDLINE_LINUX=quiet needs no quotes: an argument can follow a variable's name.
            while (!wanted(name) && name.size() < argument.size()) {
                argument.remove_prefix(name.size() + 1);
                name = name_of(argument);
            }
            if (wanted(name))
                last[name] = argument;
        }
        for (const auto& [name, argument] : last)
            found.all.push_back({std::string(argument), source});
    }

    const host::Sysroot& root_;
    const std::vector<std::string_view>& names_;
};

}  // namespace

KernelArguments read_kernel_arguments(const host::Sysroot& root, const std::vector<std::string_view>& names) {
    Reader reader(root, names);
    for (const auto path : files)
        reader.file(std::string(path));
    for (const Directory& dir : directories)
        reader.directory(dir);
    return std::move(reader.found);
}

}  // namespace plimsoll::modules::rootless
