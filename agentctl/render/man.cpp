// SPDX-License-Identifier: Apache-2.0
#include "agentctl/command_line.hpp"
#include "agentctl/render/help.hpp"
#include "core/base/text.hpp"

#include <array>

namespace plimsoll::agentctl::render {
namespace {

// Text as troff takes it literally.
std::string roff(std::string_view s) {
    std::string out;
    for (const char c : s) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
            out += std::string("\\&") + c;
        else
            out += c;
    }
    return out;
}

std::string options(const std::vector<OptionSpec>& list) {
    std::string out;
    for (const OptionSpec& o : list) {
        std::string head;
        for (const auto& name : option_names(o))
            head += std::string(head.empty() ? "" : ", ") + (o.positional() ? "\\fI" : "\\fB") + roff(name) +
                    "\\fR";
        if (!o.value.empty() && !o.positional())
            head += " \\fI" + roff(o.value) + "\\fR";
        out += ".TP\n" + head + "\n" + roff(o.help);
        if (!o.choices.empty())
            out += " (" + roff(join({o.choices.begin(), o.choices.end()}, ", ")) + ")";
        out += ".\n";
    }
    return out;
}

std::string paragraphs(std::string_view text) {
    std::string out;
    for (const auto line : split(text, '\n'))
        out += line.empty() ? ".PP\n" : roff(line) + "\n";
    return out;
}

std::string verb_sections() {
    std::string out = ".SH VERBS\n";
    for (const VerbSpec& v : verb_table()) {
        if (v.hidden)
            continue;
        out += ".SS \"" + roff(v.name) + "\"\n" + paragraphs(v.text) + options(v.options);
        for (const Example& e : v.examples)
            out += ".PP\n" + roff(e.what) + ":\n.RS 4\n.nf\n" + roff(e.command) + "\n.fi\n.RE\n";
    }
    return out;
}

std::string exit_section() {
    std::string out = ".SH \"EXIT STATUS\"\n";
    for (const ExitCode& e : exit_codes())
        out += ".TP\n" + std::to_string(e.code) + "\n" + roff(e.meaning) + ".\n";
    return out;
}

struct Entry {
    std::string_view name;
    std::string_view text;
};

constexpr std::array<Entry, 5> files{{
    {"/usr/lib/plimsoll/policy.d/*.toml", "The policy of the image or package."},
    {"/run/plimsoll/policy.d/*.toml", "The policy of this boot."},
    {"/etc/plimsoll/policy.d/*.toml", "The policy of the administrator; wins."},
    {"/var/lib/plimsoll", "Journal, ledger of subordinate ids, last good policy."},
    {"/var/lib/plimsoll/policy-last-good.toml",
     "In force while the host's policy files are refused; that they are is a finding of policy.files."},
}};

constexpr std::array<Entry, 5> environment{{
    {"NO_COLOR", "Set to anything: no colours, unless \\fB\\-\\-color always\\fR."},
    {"TERM", "No colours when it is \\fBdumb\\fR."},
    {"PLIMSOLL_BUS", "\\fBsession\\fR or \\fBsystem\\fR: what \\fB\\-\\-bus\\fR is when it is not given."},
    {"DBUS_SYSTEM_BUS_ADDRESS", "Where the system bus is, instead of the usual socket."},
    {"DBUS_SESSION_BUS_ADDRESS", "Where the session bus is."},
}};

}  // namespace

std::string man_page(std::string_view version) {
    std::string out = ".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" Printed by: agentctl generate man\n";
    out += ".TH AGENTCTL 8 \"\" \"plimsoll " + std::string(version) + "\" \"Plimsoll\"\n";
    out += ".SH NAME\nagentctl \\- check, plan, apply and undo the safety line of a container host\n";
    out += ".SH SYNOPSIS\n\\fBagentctl\\fR \\fIVERB\\fR [\\fIOPTION\\fR...]\n";
    out +=
        ".SH DESCRIPTION\n"
        "Plimsoll says whether a container host is inside its line: whether containers run rootless, and\n"
        "subordinate ids keep tenants apart. \\fBcheck\\fR judges, \\fBplan\\fR shows what would bring the "
        "host\n"
        "inside, \\fBapply\\fR does it, \\fBundo\\fR takes it back. Every control is explained by "
        "\\fBexplain\\fR.\n";
    out += ".SH OPTIONS\nThey may stand before or after the verb.\n" + options(global_options());
    out += ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nExplain the program, or the verb it follows.\n";
    out += verb_sections() + exit_section() + ".SH FILES\n";
    for (const Entry& e : files)
        out += ".TP\n.I " + roff(e.name) + "\n" + roff(e.text) + "\n";
    out += ".SH ENVIRONMENT\n";
    for (const Entry& e : environment)
        out += ".TP\n.B " + std::string(e.name) + "\n" + std::string(e.text) + "\n";
    return out + ".SH \"SEE ALSO\"\n.BR subuid (5),\n.BR newuidmap (1),\n.BR podman (1),\n.BR loginctl (1)\n";
}

}  // namespace plimsoll::agentctl::render
