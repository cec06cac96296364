// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/podman_options.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using Words = std::span<const std::string>;

// Options that take no value but by "=". One that a newer podman adds takes the next word with it here,
// unless that is an option itself.
constexpr std::string_view switches[] = {"all",
                                         "build",
                                         "detach",
                                         "disable-content-trust",
                                         "env-host",
                                         "help",
                                         "http-proxy",
                                         "infra",
                                         "init",
                                         "interactive",
                                         "latest",
                                         "no-healthcheck",
                                         "no-hostname",
                                         "no-hosts",
                                         "noout",
                                         "oom-kill-disable",
                                         "passwd",
                                         "privileged",
                                         "publish-all",
                                         "quiet",
                                         "read-only",
                                         "read-only-tmpfs",
                                         "remote",
                                         "replace",
                                         "rm",
                                         "rmi",
                                         "rootfs",
                                         "service-container",
                                         "sig-proxy",
                                         "start",
                                         "syslog",
                                         "tls-verify",
                                         "transient-store",
                                         "tty",
                                         "unsetenv-all",
                                         "version",
                                         "wait"};
constexpr std::string_view short_switches = "dihtqrP";

// Words that together name what podman does.
constexpr std::string_view verbs[] = {"container", "create",  "exec", "kube", "play",
                                      "pod",       "restart", "run",  "start"};

bool is_podman(std::string_view word) {
    const auto program = base_name(word);
    return program == "podman" || program == "podman-remote";
}

bool is_option(std::string_view word) {
    return word.size() > 1 && word.front() == '-' && word != "--";
}

// Reads options one by one, wherever they stand.
class OptionReader {
  public:
    explicit OptionReader(Words words) : words_(words) {}

    [[nodiscard]] bool done() const { return at_ >= words_.size(); }

    [[nodiscard]] const std::string& word() const { return words_[at_]; }

    void skip() { ++at_; }

    // The word at hand, which is an option or a variable.
    void take(bool global) {
        const std::string& w = word();
        const std::size_t begun = at_++;
        if (w.front() == '$')
            options.push_back({"", w, begun});
        else if (w.starts_with("--"))
            take_long(std::string_view(w).substr(2), begun);
        else
            take_short(std::string_view(w).substr(1), global, begun);
    }

    std::vector<PodmanOption> options{};

  private:
    std::string value() { return done() || is_option(word()) ? std::string() : std::string(words_[at_++]); }

    void take_long(std::string_view text, std::size_t begun) {
        const auto eq = text.find('=');
        std::string name(text.substr(0, eq));
        std::string with = eq != std::string_view::npos ? std::string(text.substr(eq + 1))
                           : std::ranges::find(switches, name) != std::end(switches) ? "true"
                                                                                     : value();
        options.push_back({name == "net" ? "network" : std::move(name), std::move(with), begun});
    }

    // "-itv/:/host" is "-i -t -v /:/host".
    void take_short(std::string_view letters, bool global, std::size_t begun) {
        while (!letters.empty()) {
            const char letter = letters.front();
            letters.remove_prefix(1);
            if (global && letter == 'r')
                options.push_back({"remote", "true", begun});
            if (short_switches.find(letter) != std::string_view::npos || (global && letter == 'v'))
                continue;
            if (letters.starts_with('='))
                letters.remove_prefix(1);
            std::string with = letters.empty() ? value() : std::string(letters);
            if (letter == 'v')
                options.push_back({"volume", std::move(with), begun});
            else if (global && letter == 'c')
                options.push_back({"connection", std::move(with), begun});
            return;
        }
    }

    Words words_;
    std::size_t at_{0};
};

bool runs_rootfs(const std::vector<PodmanOption>& options) {
    return std::ranges::any_of(
        options, [](const PodmanOption& o) { return o.name == "rootfs" && is_truthy(o.value); });
}

// One podman of a command line, from the word after it on: up to the image, behind which all belongs to the
// container, or to the end.
std::vector<PodmanOption> read_command(OptionReader& in) {
    in.options.clear();
    bool global = true;
    bool pods = false;
    bool plays = false;
    bool image_follows = false;
    while (!in.done() && !is_podman(in.word())) {
        const std::string& word = in.word();
        if (is_option(word) || word.starts_with('$')) {
            in.take(global);
            continue;
        }
        in.skip();
        if (image_follows && word != "--") {
            if (runs_rootfs(in.options))
                in.options.push_back({"rootfs", word});
            break;
        }
        if (std::ranges::find(verbs, word) != std::end(verbs)) {
            global = false;
            plays = plays || word == "play";
            pods = pods || word == "pod" || word == "kube" || plays;
            image_follows = !pods && (word == "run" || word == "create" || word == "exec");
        } else if (plays) {
            in.options.push_back({"kube", word});
        }
    }
    return in.options;
}

// ---- Kubernetes ----

// Walks a document, whose pods may be anywhere in it (a Deployment's template, a List).
class KubeWalk {
  public:
    void value(std::string_view key, const Value& v, std::string_view parent) {
        if (const Array* a = v.array()) {
            for (const Value& e : *a)
                value(key, e, parent);
        } else if (const Table* t = v.table()) {
            for (const Member& m : *t)
                value(m.key, m.value, key);
        } else {
            scalar(key, v, parent);
        }
    }

    std::vector<PodmanOption> options{};

  private:
    void add(std::string name, std::string value, const Value& v) {
        options.push_back({std::move(name), std::move(value), static_cast<std::size_t>(v.where.line)});
    }

    void scalar(std::string_view key, const Value& v, std::string_view parent) {
        // podman's decoder reads YAML 1.1, in which "yes" is true.
        const std::string text = v.string() != nullptr ? *v.string() : v == Value(true) ? "true" : "";
        if (text.empty())
            return;
        for (const auto& [name, option] : shared)
            if (key == name && is_truthy(text))
                add(std::string(option), "host", v);
        if (key == "privileged" && is_truthy(text))
            add("privileged", "true", v);
        if (parent == "capabilities" && key == "add")
            add("cap-add", text, v);
        if (parent == "hostPath" && key == "path")
            add("volume", text + ":/", v);
        if (key == "procMount" && text == "Unmasked")
            add("security-opt", "unmask=ALL", v);
        for (const auto& [name, option] : profiles)
            if (parent == name && key == "type")
                add("security-opt", std::string(option) + text, v);
        if (parent == "annotations")
            annotation(key, text, v);
    }

    void annotation(std::string_view key, const std::string& text, const Value& v) {
        static constexpr std::string_view podman = "io.podman.annotations.";
        if (key.starts_with(podman)) {
            const auto name = key.substr(podman.size(), key.find('/') - podman.size());
            if (name == "privileged" || name == "userns")
                add(std::string(name), text, v);
            else
                add("security-opt", std::string(name) + "=" + text, v);
        } else if (key.starts_with("container.apparmor.security.") || key.starts_with("seccomp.security.")) {
            add("security-opt", "seccomp=" + std::string(base_name(text)), v);
        }
    }

    struct Name {
        std::string_view key;
        std::string_view option;
    };

    static constexpr Name shared[] = {{"hostNetwork", "network"}, {"hostPID", "pid"}, {"hostIPC", "ipc"}};
    static constexpr Name profiles[] = {
        {"seccompProfile", "seccomp="}, {"appArmorProfile", "apparmor="}, {"seLinuxOptions", "label=type:"}};
};

}  // namespace

std::string show_option(const PodmanOption& option) {
    if (option.name.empty())
        return option.value;
    return "--" + option.name + (option.value == "true" ? "" : "=" + option.value);
}

bool is_truthy(std::string_view value) {
    static constexpr std::string_view yes[] = {"1", "yes", "y", "true", "t", "on"};
    std::string lower(trim(value));
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return std::ranges::find(yes, lower) != std::end(yes);
}

std::vector<PodmanOption> podman_options(Words argv, bool global) {
    OptionReader in(argv);
    while (!in.done())
        if (is_option(in.word()) || in.word().starts_with('$'))
            in.take(global);
        else
            in.skip();
    return std::move(in.options);
}

std::vector<PodmanOption> podman_command_options(Words argv) {
    std::vector<PodmanOption> out;
    OptionReader in(argv);
    while (!in.done()) {
        const bool found = is_podman(in.word());
        in.skip();
        if (found)
            std::ranges::move(read_command(in), std::back_inserter(out));
    }
    return out;
}

std::vector<PodmanOption> kube_options(const Value& document) {
    KubeWalk walk;
    walk.value("", document, "");
    return std::move(walk.options);
}

}  // namespace plimsoll::modules::rootless
