// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/docker_clients.hpp"

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "modules/rootless/user_environment.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include <dirent.h>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t max_json = std::size_t{256} << 10;
constexpr std::size_t max_contexts = 64;
constexpr int max_links = 8;

constexpr std::array<std::string_view, 5> variables{"DOCKER_HOST", "CONTAINER_HOST", "DOCKER_TLS_VERIFY",
                                                    "DOCKER_CONTEXT", "DOCKER_CONFIG"};

bool is_wanted(std::string_view name) {
    return std::ranges::find(variables, name) != variables.end();
}

bool names_host(const Assignment& a) {
    return a.name == "DOCKER_HOST" || a.name == "CONTAINER_HOST";
}

std::vector<std::string> values_of(const std::vector<Assignment>& all, std::string_view name) {
    std::vector<std::string> out;
    for (const Assignment& a : all)
        if (a.name == name && !a.value.empty())
            out.push_back(a.value);
    return out;
}

std::string normal(const std::filesystem::path& path) {
    std::string out = path.lexically_normal().string();
    if (out.starts_with("/var/run/"))
        out.erase(0, 4);
    return out;
}

// Where a link to a socket leads, so that none in a home hides a rootful engine's.
std::string end_of_links(const host::Sysroot& root, std::string path) {
    for (int i = 0; i < max_links; ++i) {
        const auto target = root.read_link(path);
        if (!target)
            break;
        path = normal(std::filesystem::path(path).parent_path() / *target);
    }
    return path;
}

// Whether a variable's name may have the character after its first.
bool goes_on(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Reader {
  public:
    explicit Reader(const host::Host& host) : host_(host), people_(persons(host)) {}

    DockerClients read() && {
        environment_ = read_user_environment(host_, people_, is_wanted);
        for (const Error& e : environment_.problems)
            out_.problems.emplace_back("", e);
        for (const Assignment& a : environment_.everybody)
            if (names_host(a))
                add({.setting = a.name, .host = a.value, .source = a.source}, environment_.everybody);
        for (const Person& p : people_)
            person(p);
        return std::move(out_);
    }

  private:
    void person(const Person& p) {
        if (const auto problems = environment_.own_problems.find(p.name);
            problems != environment_.own_problems.end())
            for (const Error& e : problems->second)
                out_.problems.emplace_back(p.name, e);
        const auto all = environment_.of(p.name);
        if (const auto own = environment_.own.find(p.name); own != environment_.own.end())
            for (const Assignment& a : own->second)
                if (names_host(a))
                    add({p.name, p.uid, p.home, a.name, a.value, a.source}, all);
        if (p.home.size() > 1)
            contexts(p, p.home + "/.docker", all);
        for (const auto& value : values_of(all, "DOCKER_CONFIG")) {
            const auto dir = with_own_values(value, p.uid, p.home);
            if (dir && dir->starts_with('/'))
                contexts(p, *dir, all);
            else
                out_.problems.emplace_back(
                    p.name, Error{Code::unsupported, 0,
                                  "where DOCKER_CONFIG=" + printable(value, 80) + " leads is not known"});
        }
    }

    void add(ClientTarget t, const std::vector<Assignment>& environment) {
        if (t.host.empty())
            return;
        const auto uid = t.user.empty() ? std::nullopt : std::optional(t.uid);
        const auto host = with_own_values(t.host, uid, t.home);
        t.resolved = host.has_value();
        t.host = host.value_or(t.host);
        t.tls = t.tls || (t.setting == "DOCKER_HOST" && !values_of(environment, "DOCKER_TLS_VERIFY").empty());
        if (auto path = socket_path(t.host); t.resolved && !path.empty())
            t.leads_to = end_of_links(host_.root(), std::move(path));
        out_.targets.push_back(std::move(t));
    }

    // nullopt: no such file, or it cannot be taken for JSON, which is told.
    std::optional<Value> json(const Person& p, const std::string& path) {
        const auto text = host_.root().read(path, max_json);
        if (!text) {
            if (text.error().code != Code::not_found)
                out_.problems.emplace_back(p.name, text.error());
            return std::nullopt;
        }
        auto value = parse_json(*text, path);
        if (!value) {
            out_.problems.emplace_back(p.name, value.error());
            return std::nullopt;
        }
        return *std::move(value);
    }

    void contexts(const Person& p, const std::string& dir, const std::vector<Assignment>& environment) {
        auto used = values_of(environment, "DOCKER_CONTEXT");
        if (const auto config = json(p, dir + "/config.json"))
            if (const Value* name = config->at("currentContext");
                name != nullptr && name->string() != nullptr)
                used.push_back(*name->string());
        const auto entries = host_.root().list(dir + "/contexts/meta");
        if (!entries && entries.error().code != Code::not_found)
            out_.problems.emplace_back(p.name, entries.error());
        std::size_t taken = 0;
        for (const auto& e : entries.value_or(std::vector<host::DirEntry>{})) {
            if (e.type != DT_DIR && e.type != DT_UNKNOWN)
                continue;
            if (++taken > max_contexts) {
                out_.problems.emplace_back(p.name, Error{Code::invalid_input, 0,
                                                         dir + "/contexts/meta: more than " +
                                                             std::to_string(max_contexts) + " contexts"});
                return;
            }
            context(p, dir + "/contexts", e.name, used, environment);
        }
    }

    void context(const Person& p, const std::string& dir, const std::string& id,
                 const std::vector<std::string>& used, const std::vector<Assignment>& environment) {
        const std::string path = dir + "/meta/" + id + "/meta.json";
        const auto meta = json(p, path);
        if (!meta)
            return;
        const Value* name = meta->at("Name");
        const Value* endpoint = meta->at("Endpoints", "docker");
        const Value* host = endpoint != nullptr ? endpoint->at("Host") : nullptr;
        if (name == nullptr || name->string() == nullptr || host == nullptr || host->string() == nullptr)
            return;
        const Value* skip = endpoint->at("SkipTLSVerify");
        const bool verifies = skip == nullptr || (skip->boolean() != nullptr && !*skip->boolean());
        const auto has = [&](const char* file) {
            return host_.root().exists(dir + "/tls/" + id + "/docker/" + file);
        };
        add({.user = p.name,
             .uid = p.uid,
             .home = p.home,
             .setting = "context " + *name->string(),
             .host = *host->string(),
             .source = path,
             .used = std::ranges::find(used, *name->string()) != used.end(),
             .tls = verifies && has("ca.pem") && has("cert.pem") && has("key.pem")},
            environment);
    }

    const host::Host& host_;
    std::vector<Person> people_;
    UserEnvironment environment_{};
    DockerClients out_{};
};

}  // namespace

std::optional<std::string> with_own_values(std::string_view value, std::optional<std::uint32_t> uid,
                                           const std::string& home) {
    const std::string number = uid ? std::to_string(*uid) : "UID";
    const std::string place = uid ? home : "HOME";
    const std::string runtime = "/run/user/" + number;
    // The longer ones first, where one begins like another.
    const std::array<std::pair<std::string_view, const std::string*>, 12> known{
        {{"${XDG_RUNTIME_DIR:-/run/user/$(id -u)}", &runtime},
         {"${XDG_RUNTIME_DIR:-/run/user/$UID}", &runtime},
         {"${XDG_RUNTIME_DIR}", &runtime},
         {"$XDG_RUNTIME_DIR", &runtime},
         {"${HOME}", &place},
         {"$HOME", &place},
         {"${UID}", &number},
         {"${EUID}", &number},
         {"$UID", &number},
         {"$EUID", &number},
         {"$(id -u)", &number},
         {"`id -u`", &number}}};
    std::string out;
    while (!value.empty()) {
        const auto it = std::ranges::find_if(known, [&](const auto& k) {
            if (!value.starts_with(k.first))
                return false;
            const auto after = value.substr(k.first.size());
            return !goes_on(k.first.back()) || after.empty() || !goes_on(after.front());
        });
        if (it != known.end()) {
            out += *it->second;
            value.remove_prefix(it->first.size());
        } else if (value.front() == '$' || value.front() == '`') {
            return std::nullopt;
        } else {
            out += value.front();
            value.remove_prefix(1);
        }
    }
    return out;
}

std::string socket_path(std::string_view host) {
    constexpr std::string_view scheme = "unix://";
    return host.starts_with(scheme) && host.substr(scheme.size()).starts_with('/')
               ? normal(std::filesystem::path(host.substr(scheme.size())))
               : std::string();
}

DockerClients read_docker_clients(const host::Host& host) {
    return Reader(host).read();
}

}  // namespace plimsoll::modules::rootless
