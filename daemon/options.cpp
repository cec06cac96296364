// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.hpp"

#include "core/base/text.hpp"

#include <map>

#include <CLI/CLI.hpp>

namespace plimsoll::daemon {
namespace {

constexpr const char* help =
    "usage: plimsolld [OPTION...]\n"
    "\n"
    "Keeps this host inside its line: looks when something changes, heals what the policy enforces.\n"
    "\n"
    "  --root DIR           look after the tree in DIR instead of /\n"
    "  --policy PATH        use this policy file, or the *.toml of this directory, instead of the host's\n"
    "                       (repeatable; read again on SIGHUP)\n"
    "  --state DIR          where to remember, a path within the root (/var/lib/plimsoll)\n"
    "  --bus KIND           offer org.plimsoll.Agent1 on the system bus (default), the session bus or none\n"
    "  --foreground         accepted for the sake of habit: plimsolld never forks\n"
    "  --allow CLASS        the costliest fix that is carried out by itself: live (default), "
    "service-restart,\n"
    "                       containers-stopped or reboot\n"
    "  --full-pass SECONDS  look at everything so often, give or take a tenth (900)\n"
    "  --metrics-socket PATH\n"
    "                       offer metrics on this Unix socket, a path within the root\n"
    "                       (/run/plimsoll/metrics.sock), or \"none\"\n"
    "  --metrics-textfile PATH\n"
    "                       write them to this file too, a path within the root that ends in .prom, for\n"
    "                       node_exporter\n"
    "  --version            print the version\n"
    "  --help               print this\n"
    "\n"
    "SIGHUP reads the policy again and ends what is contested; SIGTERM and SIGINT end plimsolld.\n"
    "Exit codes: 0 ended as asked, 1 another failure, 2 wrong usage or a policy given with --policy that is\n"
    "refused, 4 not permitted.\n";

const std::map<std::string, BusChoice>& buses() {
    static const std::map<std::string, BusChoice> all{
        {"system", BusChoice::system}, {"session", BusChoice::session}, {"none", BusChoice::none}};
    return all;
}

std::map<std::string, policy::FixClass> classes() {
    std::map<std::string, policy::FixClass> out;
    for (const auto cls : {policy::FixClass::live, policy::FixClass::service_restart,
                           policy::FixClass::containers_stopped, policy::FixClass::reboot})
        out.emplace(policy::name_of(cls), cls);
    return out;
}

std::unexpected<NotRun> usage(const std::string& problem) {
    return std::unexpected(
        NotRun{2, "plimsolld: " + printable(problem, 1000) + "\nTry 'plimsolld --help'.\n"});
}

bool names_file(std::string_view path) {
    return path.starts_with('/') && path.size() > 1;
}

}  // namespace

std::expected<Options, NotRun> parse_options(int argc, const char* const* argv) {
    Options out;
    std::int64_t full_pass = out.full_pass.count();
    std::string bus = "system";
    std::string allow(policy::name_of(out.allow));
    bool version = false;
    CLI::App app("", "plimsolld");
    app.set_help_flag("-h,--help");
    app.add_option("--root", out.root);
    app.add_option("--policy", out.policy)->allow_extra_args(false);
    app.add_option("--state", out.state);
    app.add_option("--bus", bus)->check(CLI::IsMember(buses()));
    app.add_flag("--foreground", out.foreground);
    app.add_option("--allow", allow)->check(CLI::IsMember(classes()));
    app.add_option("--full-pass", full_pass)->check(CLI::Range(1, 7 * 24 * 3600));
    app.add_option("--metrics-socket", out.metrics_socket);
    app.add_option("--metrics-textfile", out.metrics_textfile);
    app.add_flag("--version", version);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return std::unexpected(NotRun{0, help});
    } catch (const CLI::ParseError& e) {
        return usage(e.what());
    }
    if (version)
        return std::unexpected(NotRun{0, "plimsolld " PLIMSOLL_VERSION "\n"});
    if (!names_file(out.state))
        return usage("--state is a path within the root and begins with /");
    if (out.metrics_socket == "none")
        out.metrics_socket.clear();
    else if (!names_file(out.metrics_socket))
        return usage("--metrics-socket is \"none\" or a path within the root and begins with /");
    if (!out.metrics_textfile.empty() &&
        !(names_file(out.metrics_textfile) && out.metrics_textfile.ends_with(".prom")))
        return usage("--metrics-textfile is a path within the root, begins with / and ends in .prom");
    out.bus = buses().at(bus);
    out.allow = classes().at(allow);
    out.full_pass = std::chrono::seconds(full_pass);
    return out;
}

}  // namespace plimsoll::daemon
