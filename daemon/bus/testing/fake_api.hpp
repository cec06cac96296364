// SPDX-License-Identifier: Apache-2.0
// An Api with invented findings, for tests of those who ask it.
#pragma once
#include "core/base/text.hpp"
#include "daemon/api.hpp"

#include <algorithm>

namespace plimsoll::daemon::testing {

inline Time at(std::int64_t seconds) {
    return Time(std::chrono::seconds(seconds));
}

inline Tracked tracked(std::string control, policy::Status status, std::string subject) {
    Tracked out;
    out.finding.control = std::move(control);
    out.finding.subject = std::move(subject);
    out.finding.status = status;
    out.finding.message = "because";
    out.since = at(1'700'000'000);
    out.cursor = 7;
    return out;
}

inline std::vector<Tracked> sample_findings() {
    auto failing = tracked("subuid.root-delegated", policy::Status::fail, "mallory");
    failing.finding.severity = policy::Severity::critical;
    failing.finding.evidence = {{"/etc/subuid:3", "mallory:0:1", "no range with 0"}};
    failing.finding.fix =
        policy::Fix{policy::FixClass::live, "remove the line", {policy::RemoveFile{"/etc/x"}}};
    auto secret = tracked("rootless.storage", policy::Status::fail, "alice\xff");
    secret.finding.evidence = {{"/home/alice/.config/x", "token=s3cret", "none", true}};
    return {failing, secret, tracked("subuid.overlap", policy::Status::pass, "host")};
}

class FakeApi : public Api {
  public:
    Status status() const override { return state; }

    Counters counters() const override { return {}; }

    Measures measures() const override { return {.status = state}; }

    std::vector<Tracked> findings(const FindingFilter& filter) const override {
        std::vector<Tracked> out;
        std::ranges::copy_if(list, std::back_inserter(out), [&](const Tracked& t) {
            const auto is = [&](const std::string& glob) { return glob_match(glob, t.finding.control); };
            return (filter.controls.empty() || std::ranges::any_of(filter.controls, is)) &&
                   (filter.statuses.empty() ||
                    std::ranges::find(filter.statuses, t.finding.status) != filter.statuses.end()) &&
                   (!filter.at_least || t.finding.severity >= *filter.at_least);
        });
        return out;
    }

    Changes changes(std::uint64_t after) const override {
        Changes out{9, after != 0, {}, {}};
        if (after == 0)
            out.changed = list;
        else
            out.gone = {{"subuid.overlap", "bob"}};
        return out;
    }

    Result<std::vector<Transition>> history(const HistoryQuery& query) const override {
        if (query.after > 100)
            return fail(Code::io, "the store is broken");
        std::vector<Transition> out;
        std::ranges::copy_if(past, std::back_inserter(out), [&](const Transition& t) {
            const auto is = [&](const std::string& glob) { return glob_match(glob, t.control); };
            return t.id > query.after && (!query.since || t.time >= *query.since) &&
                   (query.controls.empty() || std::ranges::any_of(query.controls, is));
        });
        if (out.size() > query.limit)
            out.erase(out.begin(), out.end() - static_cast<std::ptrdiff_t>(query.limit));
        return out;
    }

    Result<std::vector<ContainerRow>> containers() const override {
        if (running.empty())
            return fail(Code::permission, "/proc cannot be read");
        return running;
    }

    Result<std::vector<Planned>> plan(const ApplyRequest&) override {
        return std::vector<Planned>{{"subuid.root-delegated", "mallory", policy::Mode::enforce,
                                     policy::FixClass::live, "remove the line", "-mallory:0:1"}};
    }

    Result<std::uint64_t> apply(const ApplyRequest& request) override {
        asked.push_back("apply");
        if (request.controls == std::vector<std::string>{"busy"})
            return fail(Code::busy, "a job is waiting already");
        return begin("apply");
    }

    Result<std::uint64_t> undo(std::uint64_t entry) override {
        asked.push_back("undo " + std::to_string(entry));
        return begin("undo");
    }

    Result<Job> job(std::uint64_t id) const override {
        if (id == 0 || id > jobs.size())
            return fail(Code::not_found, "no such job");
        return jobs[id - 1];
    }

    Result<void> reload() override {
        asked.emplace_back("reload");
        return fail(Code::invalid_input, "/etc/plimsoll/policy.d/x.toml:1:1: no");
    }

    // Tells of a transition and of a status that changed: outside the line, and the next time inside again.
    void look_again() override {
        asked.emplace_back("look-again");
        past.push_back(past.back());
        past.back().id++;
        state.line = state.line == Line::outside ? Line::inside : Line::outside;
        for (auto* l : listeners) {
            l->on_transition(past.back());
            l->on_status(state);
        }
    }

    void listen(Listener* listener) override { listeners.push_back(listener); }

    void forget_listener(Listener* listener) override { std::erase(listeners, listener); }

    Status state{.line = Line::inside,
                 .line_since = at(1'700'000'000),
                 .counts = {1, 2, 0, 0, 0},
                 .profile = "rootless-strict",
                 .policy_digest = "d1",
                 .started = at(1'699'999'000),
                 .healed_today = 3,
                 .contested = {{"rootless.sysctl", "host", at(1'700'000'050), 3, "pid 7 (sysctl)"}},
                 .root = "/",
                 .version = "0.1.0"};
    std::vector<Tracked> list{sample_findings()};
    std::vector<Transition> past{{.id = 1,
                                  .time = at(1'700'000'000),
                                  .control = "subuid.root-delegated",
                                  .subject = "mallory",
                                  .from = policy::Status::fail,
                                  .to = policy::Status::pass,
                                  .severity = policy::Severity::critical,
                                  .message = "gone",
                                  .cause = "after a fix",
                                  .healed_by = "plimsolld",
                                  .out_for = std::chrono::microseconds(4200),
                                  .journal_entry = 5}};
    std::vector<ContainerRow> running{{"0123456789ab", "web", "podman", true, 1000, 42, at(1'700'000'100),
                                       "/user.slice/x", 1, policy::Severity::high}};
    std::vector<Job> jobs{};
    std::vector<Listener*> listeners{};
    std::vector<std::string> asked{};

  private:
    // Done as soon as it is begun; its listeners are told both.
    std::uint64_t begin(const std::string& verb) {
        jobs.push_back({.id = jobs.size() + 1,
                        .verb = verb,
                        .state = Job::State::running,
                        .steps_total = 1,
                        .message = "at work"});
        for (auto* l : listeners)
            l->on_job(jobs.back());
        jobs.back().state = Job::State::done;
        jobs.back().steps_done = 1;
        jobs.back().journal_entry = 6;
        jobs.back().changes = {"remove /etc/x"};
        for (auto* l : listeners)
            l->on_job(jobs.back());
        return jobs.back().id;
    }
};

}  // namespace plimsoll::daemon::testing
