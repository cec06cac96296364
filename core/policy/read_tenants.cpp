// SPDX-License-Identifier: Apache-2.0
// [[provision.tenant]] of a policy file.
#include "core/base/text.hpp"
#include "core/policy/merge.hpp"

#include <algorithm>

namespace plimsoll::policy {
namespace {

constexpr std::array<std::string_view, 3> kind_names{"existing", "system", "regular"};
constexpr std::string_view range_expected =
    "\"allocate\", \"START:COUNT\" in decimal, or an array of such ranges";

constexpr Range reserved{65534, 65536};  // nobody, and (uid_t)-1 of 16-bit interfaces

const std::vector<std::string>& tenant_keys() {
    static const std::vector<std::string> keys{"user",   "kind",   "uid",   "home",  "shell",
                                               "subuid", "subgid", "count", "linger"};
    return keys;
}

bool one_of_chars(char c, std::string_view more) {
    return (c >= 'a' && c <= 'z') || c == '_' || more.find(c) != std::string_view::npos;
}

// useradd(8) and sysusers.d(5) agree on these for accounts that are created: at most 31 characters, no
// capital letters. Somebody else's account may have a laxer name, but none that breaks a line of /etc/subuid.
bool user_name(std::string_view name, Tenant::Kind kind) {
    const bool lax = kind == Tenant::Kind::existing;
    const std::string_view first = lax ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ" : "";
    const std::string_view rest = lax ? "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-." : "0123456789-";
    return !name.empty() && name.size() <= (lax ? 32U : 31U) && one_of_chars(name.front(), first) &&
           std::ranges::all_of(name, [&](char c) { return one_of_chars(c, rest); });
}

// Absolute, nothing to resolve, and no ':' which would end the field in passwd(5).
bool plain_path(std::string_view path) {
    if (!path.starts_with('/') || path.find(':') != std::string_view::npos || path.size() > 1024)
        return false;
    const auto parts = split(path.substr(1), '/');
    return std::ranges::none_of(parts, [](std::string_view p) { return p.empty() || p == "." || p == ".."; });
}

std::optional<std::uint64_t> plain_number(std::string_view s) {
    // A leading zero is octal to some readers of subuid(5) and decimal to others.
    return s.size() > 1 && s.front() == '0' ? std::nullopt : parse_u64(s);
}

struct StartAndCount {
    std::uint64_t start{0};
    std::uint64_t count{0};
};

// "START:COUNT"; nullopt: not two plain numbers.
std::optional<StartAndCount> start_and_count(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    const auto start = plain_number(text.substr(0, colon));
    const auto count = plain_number(text.substr(colon + 1));
    if (!start || !count)
        return std::nullopt;
    return StartAndCount{*start, *count};
}

class TenantReader {
  public:
    TenantReader(const Table& table, const Place& place, const Reader& reader)
        : table_(table), place_(place), reader_(reader) {}

    std::optional<TenantDraft> read() {
        out_.place = place_;
        out_.tenant.origin = reader_.problems().origin(place_);
        read_kind();
        read_user();
        for (const Member& m : table_)
            read_key(m);
        check_combination();
        return good_ ? std::optional(std::move(out_)) : std::nullopt;
    }

  private:
    void refuse(const Value& v, std::string_view what, std::string_view expected) {
        reader_.problems().add(reader_.place(v), what, expected);
        good_ = false;
    }

    template <class T, class To>
    void keep(std::optional<T> value, To& to) {
        good_ &= value.has_value();
        if (value)
            to = static_cast<T>(*std::move(value));
    }

    void read_kind() {
        const Value* v = table_.find("kind");
        if (v == nullptr)
            return;
        const auto name = reader_.choice(*v, "kind", strings_of(kind_names));
        good_ &= name.has_value();
        if (name)
            out_.tenant.kind =
                static_cast<Tenant::Kind>(std::ranges::find(kind_names, *name) - kind_names.begin());
    }

    void read_user() {
        static constexpr std::string_view expected =
            "a user name: a letter or \"_\", then letters, digits, \"_\" or \"-\", at most 31 characters";
        const Value* v = table_.find("user");
        if (v == nullptr) {
            reader_.problems().add(place_, "a tenant without \"user\"", expected);
            good_ = false;
            return;
        }
        const auto name = reader_.text(*v, "user", expected);
        good_ &= name.has_value();
        if (!name)
            return;
        out_.tenant.user = *name;
        if (*name == "root")
            refuse(*v, "root as a tenant", "a user without privilege");
        else if (!user_name(*name, out_.tenant.kind))
            refuse(*v, "\"user\" is \"" + printable(*name, 80) + "\"", expected);
    }

    void read_key(const Member& m) {
        Tenant& t = out_.tenant;
        if (m.key == "uid")
            read_uid(m.value);
        else if (m.key == "home" || m.key == "shell")
            read_path(m, m.key == "home" ? t.home : t.shell);
        else if (m.key == "subuid")
            read_subid(m, t.subuid, out_.subuid);
        else if (m.key == "subgid")
            read_subid(m, t.subgid, out_.subgid);
        else if (m.key == "count")
            read_count(m.value);
        else if (m.key == "linger")
            keep(reader_.boolean(m.value, m.key), t.linger);
        else if (m.key != "user" && m.key != "kind")
            unknown(m);
    }

    void unknown(const Member& m) {
        reader_.unknown_key(m, "[[provision.tenant]]", tenant_keys());
        good_ = false;
    }

    void read_uid(const Value& v) {
        const auto uid = reader_.integer(v, "uid", first_id, last_id);
        good_ &= uid.has_value();
        if (!uid)
            return;
        if (reserved.contains(*uid))
            return refuse(v, "\"uid\" is " + std::to_string(*uid) + ", which is reserved", "another id");
        out_.tenant.uid = static_cast<std::uint32_t>(*uid);
    }

    void read_path(const Member& m, std::string& to) {
        static constexpr std::string_view expected = "an absolute path without \"..\", \"//\" or \":\"";
        const auto path = reader_.text(m.value, m.key, expected);
        good_ &= path.has_value();
        if (!path)
            return;
        if (!plain_path(*path))
            return refuse(m.value, "\"" + m.key + "\" is \"" + printable(*path, 80) + "\"", expected);
        to = *path;
    }

    void read_count(const Value& v) {
        const auto count = reader_.integer(v, "count", 1, last_id);
        good_ &= count.has_value();
        if (count)
            out_.tenant.subuid.count = out_.tenant.subgid.count = static_cast<std::uint64_t>(*count);
    }

    void read_subid(const Member& m, SubidRequest& request, std::vector<Placed<Range>>& ranges) {
        if (m.value.string() != nullptr && *m.value.string() == "allocate") {
            request.kind = SubidRequest::Kind::allocate;
            return;
        }
        request.kind = SubidRequest::Kind::ranges;
        if (m.value.string() != nullptr) {
            read_range(m.value, m.key, ranges);
        } else if (const Array* list = m.value.array(); list != nullptr && !list->empty()) {
            for (const Value& v : *list)
                read_range(v, m.key, ranges);
        } else if (list != nullptr) {
            refuse(m.value, "\"" + m.key + "\" is an empty array", range_expected);
        } else {
            reader_.wrong_type(m.value, m.key, range_expected);
            good_ = false;
        }
        for (const auto& r : ranges)
            request.ranges.push_back(r.value);
    }

    void read_range(const Value& v, const std::string& key, std::vector<Placed<Range>>& into) {
        if (v.string() == nullptr) {
            reader_.wrong_type(v, key, range_expected);
            good_ = false;
            return;
        }
        const auto range = start_and_count(*v.string());
        const std::string shown = "\"" + key + "\" is \"" + printable(*v.string(), 80) + "\"";
        if (!range)
            return refuse(v, shown, range_expected);
        if (range->start == 0)
            return refuse(v, shown + ", which contains id 0", "a range that starts at 1 or above");
        if (range->count == 0)
            return refuse(v, shown + ", which is empty", "a count of at least 1");
        if (range->start > last_id || range->count > last_id - range->start + 1)
            return refuse(v, shown + ", which goes beyond the last id",
                          "a range that ends at " + std::to_string(last_id) + " or below");
        const Range ids = range_of(range->start, range->count);
        if (ids.intersects(reserved))
            return refuse(v, shown + ", which contains ids that are reserved",
                          "a range without 65534 (nobody) and 65535 (no id in 16 bits)");
        into.push_back({ids, reader_.place(v)});
    }

    // Settings that would have no effect mean that the file says something else than its author thinks.
    void check_combination() {
        const Tenant& t = out_.tenant;
        if (t.kind == Tenant::Kind::existing)
            for (const char* key : {"uid", "home", "shell"})
                if (const Value* v = table_.find(key))
                    refuse(*v, std::string("\"") + key + "\" for an account that is not created here",
                           "kind = \"system\" or \"regular\" beside it");
        const auto allocates = [](const SubidRequest& r) { return r.kind == SubidRequest::Kind::allocate; };
        if (const Value* v = table_.find("count");
            v != nullptr && !allocates(t.subuid) && !allocates(t.subgid))
            refuse(*v, "\"count\" without an allocation", "subuid or subgid = \"allocate\" beside it");
    }

    const Table& table_;
    Place place_;
    const Reader& reader_;
    TenantDraft out_{};
    bool good_{true};
};

}  // namespace

void read_tenants(const Value& section, const Reader& reader, Merged& into) {
    const Array* list = section.array();
    if (list == nullptr)
        return reader.wrong_type(section, "tenant",
                                 "an array of tables, each begun with [[provision.tenant]]");
    std::map<std::string, Place> seen;  // in this file
    for (const Value& v : *list) {
        const Table* table = reader.table(v, "tenant");
        auto draft = table != nullptr ? TenantReader(*table, reader.place(v), reader).read() : std::nullopt;
        if (!draft)
            continue;
        const std::string user = draft->tenant.user;
        if (const auto [first, fresh] = seen.emplace(user, draft->place); !fresh)
            reader.problems().add(
                draft->place,
                "tenant \"" + user + "\" again, after " + reader.problems().origin(first->second),
                "one entry per user");
        into.tenants.insert_or_assign(user, *std::move(draft));
    }
}

}  // namespace plimsoll::policy
