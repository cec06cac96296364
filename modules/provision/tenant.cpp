// SPDX-License-Identifier: Apache-2.0
#include "modules/provision/tenant.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::modules::provision {
namespace {

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool breaks_a_line(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f || c == ':';
}

}  // namespace

bool safe_name(std::string_view name) {
    // useradd(8) allows 32 bytes; directory services give longer ones. A name of digits is taken for an id.
    if (name.empty() || name.size() > 256 || !valid_utf8(name) || name == "." || name == "..")
        return false;
    if (std::string_view("-+#~").find(name.front()) != std::string_view::npos ||
        std::ranges::all_of(name, is_digit))
        return false;
    return std::ranges::none_of(name,
                                [](char c) { return breaks_a_line(c) || c == '/' || c == ' ' || c == ','; });
}

bool good_new_name(std::string_view name) {
    return !name.empty() && name.size() <= 31 && (is_letter(name.front()) || name.front() == '_') &&
           std::ranges::all_of(name,
                               [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; });
}

bool safe_path(std::string_view path) {
    if (path.size() < 2 || path.size() > 4095 || path.front() != '/' || !valid_utf8(path) ||
        std::ranges::any_of(path, breaks_a_line))
        return false;
    const auto parts = split(path.substr(1), '/');
    return std::ranges::none_of(parts, [](auto p) { return p.empty() || p == "." || p == ".."; });
}

std::string home_of(const policy::Tenant& t) {
    if (!t.home.empty())
        return t.home;
    return (t.kind == policy::Tenant::Kind::system ? "/var/lib/" : "/home/") + t.user;
}

std::string shell_of(const policy::Tenant& t) {
    if (!t.shell.empty())
        return t.shell;
    return t.kind == policy::Tenant::Kind::system ? "/usr/sbin/nologin" : "/bin/bash";
}

std::optional<std::string> refusal(const policy::Tenant& t) {
    if (!safe_name(t.user))
        return "the name cannot be that of an account";
    if (t.kind != policy::Tenant::Kind::existing && !good_new_name(t.user))
        return "a new account needs a name of at most 31 letters, digits, '_' and '-', no digit first";
    if (!safe_path(home_of(t)))
        return "the home directory " + printable(home_of(t)) + " is not an absolute path fit for passwd(5)";
    if (!safe_path(shell_of(t)))
        return "the shell " + printable(shell_of(t)) + " is not an absolute path fit for passwd(5)";
    if (t.uid == 0U)
        return "uid 0 is root";
    return std::nullopt;
}

}  // namespace plimsoll::modules::provision
