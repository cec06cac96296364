// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/agent_object.hpp"

#include "core/bus/errors.hpp"
#include "daemon/bus/requests.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <tuple>

namespace plimsoll::daemon {
namespace {

// What an exception (a bus that just went away, a caller that did) means here: nobody is left to be told.
template <class F>
void quietly(F&& f) noexcept {
    try {
        f();
    } catch (const std::exception&) {
        return;
    }
}

template <class R>
void refuse(const R& result, const Error& error) {
    quietly(
        [&] { result.returnError(bus::make_error(bus::name_of(error.code), wire::text(error.message))); });
}

// Asks the authority, which calls back later; when that cannot be done the caller is told so.
template <class R, class F>
void or_refuse(const R& result, F&& ask) noexcept {
    try {
        ask();
    } catch (const std::exception& e) {
        refuse(result, Error{Code::internal, 0, e.what(), Where::here()});
    }
}

// Answers with what `f` gives: a Result of nothing or of a tuple of the method's out arguments. sdbus-c++ 1.2
// catches only its own exceptions in a handler; any other would end the daemon.
template <class R, class F>
void answer(const R& result, const F& f) noexcept {
    try {
        const auto value = f();
        if (!value)
            return refuse(result, value.error());
        if constexpr (std::is_void_v<typename std::remove_cvref_t<decltype(value)>::value_type>)
            result.returnResults();
        else
            std::apply([&](const auto&... out) { result.returnResults(out...); }, *value);
    } catch (const std::exception& e) {
        refuse(result, Error{Code::internal, 0, e.what(), Where::here()});
    }
}

// Continuations are copied about; an answer cannot be.
template <class R>
auto shared(R&& result) {
    return std::make_shared<std::remove_cvref_t<R>>(std::forward<R>(result));
}

std::uint32_t count_of(std::size_t n) {
    return static_cast<std::uint32_t>(std::min<std::size_t>(n, std::numeric_limits<std::uint32_t>::max()));
}

Result<std::tuple<std::vector<wire::TransitionRow>>> history_of(const Api& api, const HistoryQuery& query) {
    PLIMSOLL_TRY(const auto list, api.history(query));
    return std::tuple(wire::transitions(list));
}

}  // namespace

AgentObject::AgentObject(sdbus::IConnection& connection, const bus::EventLoop& loop, Api& api, BusKind kind)
    : AdaptorInterfaces(connection, sdbus::ObjectPath(object_path)),
      loop_(loop),
      api_(api),
      authority_(connection, kind) {
    registerAdaptor();
    api_.listen(this);
}

AgentObject::~AgentObject() {
    api_.forget_listener(this);
    unregisterAdaptor();
}

template <class R, class F>
void AgentObject::authorised(R&& result, Action action, bool interactive, F f) {
    const auto kept = shared(std::forward<R>(result));
    or_refuse(*kept, [&] {
        authority_.ask(bus::sender_of(getObject()), action, interactive,
                       [kept, f](const Result<void>& allowed) {
                           if (!allowed)
                               return refuse(*kept, allowed.error());
                           answer(*kept, f);
                       });
    });
}

void AgentObject::Findings(Answer<FindingRows>&& result, std::string controls, std::string statuses,
                           std::string at_least) {
    const auto kept = shared(std::move(result));
    const auto filter = read_filter(controls, statuses, at_least);
    if (!filter)
        return refuse(*kept, filter.error());
    const auto give = [this, kept, filter = *filter](bool all) {
        answer(*kept, [&] {
            return Result<std::tuple<FindingRows>>(std::tuple(wire::findings(api_.findings(filter), all)));
        });
    };
    if (!wire::has_sensitive(api_.findings(*filter)))
        return give(false);
    or_refuse(*kept, [&] {
        authority_.ask(bus::sender_of(getObject()), Action::read_sensitive, false,
                       [give](const Result<void>& allowed) { give(allowed.has_value()); });
    });
}

void AgentObject::Changes(Answer<std::uint64_t, bool, FindingRows, std::vector<wire::GoneRow>>&& result,
                          std::uint64_t after) {
    using Out = std::tuple<std::uint64_t, bool, FindingRows, std::vector<wire::GoneRow>>;
    const auto kept = shared(std::move(result));
    const auto give = [this, kept, after](bool all) {
        answer(*kept, [&] {
            const auto c = api_.changes(after);
            return Result<Out>(Out{c.cursor, c.complete, wire::findings(c.changed, all), wire::gone(c.gone)});
        });
    };
    if (!wire::has_sensitive(api_.changes(after).changed))
        return give(false);
    or_refuse(*kept, [&] {
        authority_.ask(bus::sender_of(getObject()), Action::read_sensitive, false,
                       [give](const Result<void>& allowed) { give(allowed.has_value()); });
    });
}

void AgentObject::History(Answer<std::vector<wire::TransitionRow>>&& result, std::uint64_t after,
                          std::uint64_t since, std::string controls, std::uint32_t limit) {
    answer(result, [&]() -> Result<std::tuple<std::vector<wire::TransitionRow>>> {
        PLIMSOLL_TRY(const auto query, read_history(after, since, controls, limit));
        return history_of(api_, query);
    });
}

void AgentObject::Containers(Answer<std::vector<wire::ContainerColumns>>&& result) {
    answer(result, [&]() -> Result<std::tuple<std::vector<wire::ContainerColumns>>> {
        PLIMSOLL_TRY(const auto list, api_.containers());
        return std::tuple(wire::containers(list));
    });
}

void AgentObject::Plan(Answer<std::vector<wire::PlannedRow>>&& result, std::string controls,
                       bool enforced_only, std::string allow, bool interactive) {
    const auto kept = shared(std::move(result));
    const auto request = read_apply(controls, enforced_only, allow);
    if (!request)
        return refuse(*kept, request.error());
    const auto give = [this, kept, request = *request](bool all) {
        answer(*kept, [&]() -> Result<std::tuple<std::vector<wire::PlannedRow>>> {
            PLIMSOLL_TRY(const auto list, api_.plan(request));
            return std::tuple(wire::planned(list, all));
        });
    };
    const std::string sender = bus::sender_of(getObject());
    const auto then = [this, kept, give, sender](const Result<void>& allowed) {
        if (!allowed)
            return refuse(*kept, allowed.error());
        or_refuse(*kept, [&] {
            authority_.ask(sender, Action::read_sensitive, false,
                           [give](const Result<void>& all) { give(all.has_value()); });
        });
    };
    or_refuse(*kept, [&] { authority_.ask(sender, Action::look_again, interactive, then); });
}

void AgentObject::Apply(Answer<std::uint64_t>&& result, std::string controls, bool enforced_only,
                        std::string allow, bool interactive) {
    const auto request = read_apply(controls, enforced_only, allow);
    if (!request)
        return refuse(result, request.error());
    authorised(std::move(result), Action::apply, interactive,
               [this, request = *request]() -> Result<std::tuple<std::uint64_t>> {
                   PLIMSOLL_TRY(const auto job, api_.apply(request));
                   return std::tuple(job);
               });
}

void AgentObject::Undo(Answer<std::uint64_t>&& result, std::uint64_t journal_entry, bool interactive) {
    authorised(std::move(result), Action::undo, interactive,
               [this, journal_entry]() -> Result<std::tuple<std::uint64_t>> {
                   PLIMSOLL_TRY(const auto job, api_.undo(journal_entry));
                   return std::tuple(job);
               });
}

void AgentObject::GetJob(Answer<std::string, std::string, std::uint32_t, std::uint32_t, std::string,
                                std::uint64_t, std::vector<std::string>>&& result,
                         std::uint64_t id) {
    using Out = std::tuple<std::string, std::string, std::uint32_t, std::uint32_t, std::string, std::uint64_t,
                           std::vector<std::string>>;
    answer(result, [&]() -> Result<Out> {
        PLIMSOLL_TRY(const auto job, api_.job(id));
        return Out{wire::text(job.verb),    std::string(job_state_names[static_cast<std::size_t>(job.state)]),
                   job.steps_done,          job.steps_total,
                   wire::text(job.message), job.journal_entry,
                   wire::texts(job.changes)};
    });
}

void AgentObject::Reload(Answer<>&& result, bool interactive) {
    authorised(std::move(result), Action::reload, interactive, [this] { return api_.reload(); });
}

void AgentObject::LookAgain(Answer<>&& result, bool interactive) {
    authorised(std::move(result), Action::look_again, interactive, [this] {
        api_.look_again();
        return Result<void>();
    });
}

void AgentObject::on_transition(const Transition& transition) {
    quietly([&] {
        const auto row = wire::transition(transition);
        const std::tuple<std::uint64_t, std::uint64_t, std::string, std::string, std::string, std::string,
                         std::string, std::string, std::string, bool, std::string, std::int64_t,
                         std::uint64_t>& columns = row;
        std::apply([&](const auto&... column) { emitTransitionAdded(column...); }, columns);
    });
}

// Once for everything that changes in one turn of the loop.
void AgentObject::on_status(const daemon::Status&) {
    if (status_pending_)
        return;
    if (auto source = loop_.defer([this] { emit_status(); }, bus::EventLoop::Priority::idle))
        status_pending_ = *std::move(source);
}

void AgentObject::emit_status() {
    status_pending_.reset();
    quietly([&] {
        bus::emit_changed(getObject(), INTERFACE_NAME,
                          {"Line", "LineSince", "Counts", "Profile", "PolicyDigest", "PolicyProblems",
                           "LastFullPass", "HealedToday", "Contested", "Degraded"});
    });
}

void AgentObject::on_job(const Job& job) {
    quietly([&] {
        emitJobChanged(job.id, wire::text(job.verb),
                       std::string(job_state_names[static_cast<std::size_t>(job.state)]), job.steps_done,
                       job.steps_total, wire::text(job.message), job.journal_entry);
    });
}

std::string AgentObject::Version() {
    return wire::text(api_.status().version);
}

std::string AgentObject::Root() {
    return wire::text(api_.status().root);
}

std::uint64_t AgentObject::Started() {
    return wire::seconds(api_.status().started);
}

std::string AgentObject::Line() {
    return std::string(line_names[static_cast<std::size_t>(api_.status().line)]);
}

std::uint64_t AgentObject::LineSince() {
    return wire::seconds(api_.status().line_since);
}

std::map<std::string, std::uint32_t> AgentObject::Counts() {
    const auto counts = api_.status().counts;
    std::map<std::string, std::uint32_t> out;
    for (std::size_t i = 0; i < counts.size(); ++i)
        out.emplace(policy::status_names[i], count_of(counts[i]));
    return out;
}

std::string AgentObject::Profile() {
    return wire::text(api_.status().profile);
}

std::string AgentObject::PolicyDigest() {
    return wire::text(api_.status().policy_digest);
}

std::vector<std::string> AgentObject::PolicyProblems() {
    return wire::texts(api_.status().policy_problems);
}

std::uint64_t AgentObject::LastFullPass() {
    return wire::seconds(api_.status().last_full_pass);
}

std::uint64_t AgentObject::HealedToday() {
    return api_.status().healed_today;
}

std::vector<wire::ContestedRow> AgentObject::Contested() {
    std::vector<wire::ContestedRow> out;
    for (const auto& c : api_.status().contested)
        out.emplace_back(wire::text(c.control), wire::text(c.subject), wire::seconds(c.since), c.reverts,
                         wire::text(c.writer));
    return out;
}

std::vector<std::string> AgentObject::Degraded() {
    return wire::texts(api_.status().degraded);
}

}  // namespace plimsoll::daemon
