// SPDX-License-Identifier: Apache-2.0
// [[exception]] of a policy file.
#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "core/policy/engine.hpp"
#include "core/policy/merge.hpp"

#include <algorithm>

namespace plimsoll::policy {
namespace {

const std::vector<std::string>& exception_keys() {
    static const std::vector<std::string> keys{"control", "subject", "owner", "reason", "expires"};
    return keys;
}

bool is_engine_control(std::string_view id) {
    return std::ranges::find(engine_controls(), id, &ControlInfo::id) != engine_controls().end();
}

std::optional<std::string> read_control_glob(const Value& v, const Reader& reader,
                                             const Catalogue& catalogue) {
    auto glob = reader.filled(v, "control", "a control's id or a pattern of them");
    if (!glob)
        return std::nullopt;
    std::vector<std::string> ids;
    for (const ControlInfo* c : catalogue.controls)
        if (!is_engine_control(c->id))
            ids.emplace_back(c->id);
    if (std::ranges::any_of(ids, [&](const std::string& id) { return glob_match(*glob, id); }))
        return glob;
    if (is_engine_control(*glob) || glob->starts_with("policy."))
        reader.problems().add(reader.place(v), "\"control\" names the policy's own state",
                              "another control: this one can only be switched off");
    else
        reader.problems().add_unknown(reader.place(v), "control", *glob, ids);
    return std::nullopt;
}

std::optional<Time> read_expiry(const Value& v, const Reader& reader) {
    static constexpr std::string_view expected =
        "a date or a date-time with \"Z\" or an offset, such as 2027-01-31T00:00:00Z";
    if (const DateTime* t = v.datetime()) {
        if (t->has_offset || t->date_only)
            return t->time;
        reader.problems().add(reader.place(v), "\"expires\" is a local date-time, which is no point in time",
                              expected);
        return std::nullopt;
    }
    const std::string* s = v.string();
    if (s == nullptr) {
        reader.wrong_type(v, "expires", expected);
        return std::nullopt;
    }
    const auto parsed = parse_rfc3339(*s);
    if (!parsed)
        reader.problems().add(reader.place(v), "\"expires\" is \"" + printable(*s, 40) + "\"", expected);
    return parsed;
}

bool read_key(const Member& m, const Reader& reader, const Catalogue& catalogue, Exception& into) {
    const auto keep = [](auto value, auto& to) {
        if (!value)
            return false;
        to = *std::move(value);
        return true;
    };
    if (m.key == "control")
        return keep(read_control_glob(m.value, reader, catalogue), into.control);
    if (m.key == "subject")
        return keep(reader.filled(m.value, m.key, "a pattern of subjects, \"*\" for all"), into.subject);
    if (m.key == "owner")
        return keep(reader.filled(m.value, m.key, "who answers for the exception"), into.owner);
    if (m.key == "reason")
        return keep(reader.filled(m.value, m.key, "why the exception is needed"), into.reason);
    if (m.key == "expires")
        return keep(read_expiry(m.value, reader), into.expires);
    reader.unknown_key(m, "[[exception]]", exception_keys());
    return false;
}

std::optional<Exception> read_exception(const Value& v, const Reader& reader, const Catalogue& catalogue) {
    const Table* table = reader.table(v, "exception");
    if (table == nullptr)
        return std::nullopt;
    Exception out;
    bool good = true;
    for (const Member& m : *table)
        good &= read_key(m, reader, catalogue, out);
    for (const std::string& key : exception_keys())
        if (table->find(key) == nullptr) {
            reader.problems().add(reader.place(v), "an exception without \"" + key + "\"",
                                  "control, subject, owner, reason and expires");
            good = false;
        }
    out.origin = reader.problems().origin(reader.place(v));
    return good ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

void read_exceptions(const Value& section, const Reader& reader, const Catalogue& catalogue, Merged& into) {
    const Array* list = section.array();
    if (list == nullptr) {
        reader.wrong_type(section, "exception", "an array of tables, each begun with [[exception]]");
        return;
    }
    std::map<ExceptionKey, Place> seen;  // in this file
    for (const Value& v : *list) {
        auto exception = read_exception(v, reader, catalogue);
        if (!exception)
            continue;
        const ExceptionKey key{exception->control, exception->subject, exception->owner};
        if (const auto [first, fresh] = seen.emplace(key, reader.place(v)); !fresh)
            reader.problems().add(reader.place(v),
                                  "the same control, subject and owner as the exception at " +
                                      reader.problems().origin(first->second),
                                  "one of them");
        into.exceptions.insert_or_assign(key, Placed<Exception>{*std::move(exception), reader.place(v)});
    }
}

}  // namespace plimsoll::policy
