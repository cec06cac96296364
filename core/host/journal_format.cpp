// SPDX-License-Identifier: Apache-2.0
// The file format of a journal entry: {"schema":…,"sha256":CHECKSUM,"entry":BODY}. The checksum is over the
// bytes of BODY as they stand in the file, so it does not depend on how JSON is written.
#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/host/journal.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace plimsoll::host {
namespace {

constexpr std::string_view head = R"({"schema":"plimsoll.journal/1","sha256":")";
constexpr std::string_view middle = R"(","entry":)";
constexpr std::string_view tail = "}\n";
constexpr std::size_t digest_size = 64;

constexpr std::array<std::string_view, 4> state_names{"intended", "done", "undone", "not-done"};
constexpr std::array<std::string_view, 4> verb_names{"start", "stop", "restart", "reload-manager"};
constexpr std::array<std::string_view, 4> kind_names{"absent", "regular", "symlink", "directory"};
constexpr std::string_view hex_digits = "0123456789abcdef";

// ---- writing ----

// JSON has no bytes: what is not plain text is {"hex": …}.
Value bytes(const std::string& s) {
    if (valid_utf8(s))
        return s;
    std::string hex;
    for (const char c : s) {
        const auto b = static_cast<unsigned char>(c);
        hex += {hex_digits[b >> 4U], hex_digits[b & 15U]};
    }
    Table t;
    t.set("hex", hex);
    return t;
}

Value number(std::uint64_t n) {
    return static_cast<std::int64_t>(n);
}

Value list(const std::vector<std::string>& strings) {
    Array out;
    for (const auto& s : strings)
        out.push_back(bytes(s));
    return out;
}

Value write_image(const StoredImage& stored) {
    const FileImage& image = stored.image;
    Table t;
    t.set("kind", name_of(image.kind));
    t.set("mode", number(image.mode));
    t.set("uid", number(image.uid));
    t.set("gid", number(image.gid));
    if (image.kind == FileImage::Kind::symlink)
        t.set("target", bytes(image.content));
    t.set("sha256", stored.digest);
    if (stored.content)
        t.set("content", bytes(*stored.content));
    if (image.xattrs) {
        Array all;
        for (const auto& [name, value] : *image.xattrs)
            all.push_back(Array{bytes(name), bytes(value)});
        t.set("xattrs", std::move(all));
    }
    return t;
}

Value write_lines(const LineEdit& edit) {
    Array removed;
    for (const auto& r : edit.removed) {
        Table t;
        t.set("line", bytes(r.line));
        t.set("index", number(r.index));
        if (r.replaced_by)
            t.set("replaced_by", bytes(*r.replaced_by));
        removed.emplace_back(std::move(t));
    }
    Table t;
    t.set("removed", std::move(removed));
    t.set("added", list(edit.added));
    return t;
}

Value write_file(const FileStep& file) {
    Table t;
    t.set("path", bytes(file.path));
    t.set("before", write_image(file.before));
    t.set("after", write_image(file.after));
    if (file.lines)
        t.set("lines", write_lines(*file.lines));
    return t;
}

Value write_knob(const KnobStep& knob) {
    Table t;
    t.set("path", bytes(knob.path));
    t.set("before", bytes(knob.before));
    t.set("after", bytes(knob.after));
    return t;
}

Value write_unit(const UnitStep& unit) {
    Table t;
    t.set("verb", verb_names[static_cast<std::size_t>(unit.action.verb)]);
    t.set("unit", bytes(unit.action.unit));
    t.set("was_active", unit.was_active);
    return t;
}

Value write_stop(const policy::StopContainer& stop) {
    Table t;
    t.set("cgroup", bytes(stop.cgroup));
    t.set("unit", bytes(stop.unit));
    t.set("init", number(static_cast<std::uint64_t>(stop.init)));
    t.set("start", number(stop.start));
    return t;
}

Value write_record(const Record& r) {
    Table t;
    t.set("state", state_names[static_cast<std::size_t>(r.step.state)]);
    t.set("control", bytes(r.step.control));
    t.set("subject", bytes(r.step.subject));
    t.set("what", bytes(r.step.what));
    t.set("target", bytes(r.step.target));
    t.set("undo_error", bytes(r.step.undo_error));
    t.set("made", list(r.made));
    Array files;
    for (const auto& f : r.files)
        files.push_back(write_file(f));
    t.set("files", std::move(files));
    if (r.knob)
        t.set("knob", write_knob(*r.knob));
    if (r.unit)
        t.set("unit", write_unit(*r.unit));
    if (r.stop)
        t.set("stop", write_stop(*r.stop));
    if (r.linger_of)
        t.set("linger_of", number(*r.linger_of));
    return t;
}

// ---- reading ----

// Reads members of one table; the first thing that is wrong is kept and everything after it is a default.
class Reader {
  public:
    Reader(const Value* v, std::string& problem)
        : table_(v != nullptr ? v->table() : nullptr), problem_(problem) {
        if (table_ == nullptr)
            complain("an object");
    }

    [[nodiscard]] const Value* optional(std::string_view key) const {
        return table_ != nullptr ? table_->find(key) : nullptr;
    }

    std::string text(std::string_view key) { return text_of(optional(key), key); }

    std::uint64_t number(std::string_view key, std::uint64_t max) {
        const Value* v = optional(key);
        const std::int64_t* n = v != nullptr ? v->integer() : nullptr;
        if (n != nullptr && *n >= 0 && static_cast<std::uint64_t>(*n) <= max)
            return static_cast<std::uint64_t>(*n);
        complain(key);
        return 0;
    }

    bool boolean(std::string_view key) {
        const Value* v = optional(key);
        if (v != nullptr && v->boolean() != nullptr)
            return *v->boolean();
        complain(key);
        return false;
    }

    template <class Enum, std::size_t N>
    Enum choice(std::string_view key, const std::array<std::string_view, N>& names) {
        const auto at = std::ranges::find(names, text(key));
        if (at == names.end())
            complain(key);
        return static_cast<Enum>(at == names.end() ? 0 : at - names.begin());
    }

    std::span<const Value> array(std::string_view key) { return array_of(optional(key), key); }

    std::span<const Value> array_of(const Value* v, std::string_view key) {
        if (v != nullptr && v->array() != nullptr)
            return *v->array();
        complain(key);
        return {};
    }

    std::vector<std::string> texts(std::string_view key) {
        std::vector<std::string> out;
        for (const auto& v : array(key))
            out.push_back(text_of(&v, key));
        return out;
    }

    std::string text_of(const Value* v, std::string_view key) {
        if (v != nullptr && v->string() != nullptr)
            return *v->string();
        const Value* hex = v != nullptr ? v->at("hex") : nullptr;
        if (hex != nullptr && hex->string() != nullptr)
            return unhex(*hex->string(), key);
        complain(key);
        return {};
    }

    void complain(std::string_view key) {
        if (problem_.empty())
            problem_ = std::string(key);
    }

    std::string& problem() { return problem_; }

  private:
    std::string unhex(std::string_view hex, std::string_view key) {
        std::string out;
        for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
            const auto high = hex_digits.find(hex[i]);
            const auto low = hex_digits.find(hex[i + 1]);
            if (high == std::string_view::npos || low == std::string_view::npos)
                complain(key);
            out += static_cast<char>((high << 4U) | low);
        }
        if (hex.size() % 2 != 0)
            complain(key);
        return out;
    }

    const Table* table_;
    std::string& problem_;
};

constexpr std::uint64_t max_id = 0xffffffff;
constexpr std::uint64_t max_pid = 0x7fffffff;
constexpr std::uint64_t any_number = 0x7fffffffffffffff;

StoredImage read_image(const Value* v, std::string& problem) {
    Reader r(v, problem);
    StoredImage out;
    out.image.kind = r.choice<FileImage::Kind>("kind", kind_names);
    out.image.mode = static_cast<std::uint32_t>(r.number("mode", 07777));
    out.image.uid = static_cast<std::uint32_t>(r.number("uid", max_id));
    out.image.gid = static_cast<std::uint32_t>(r.number("gid", max_id));
    if (out.image.kind == FileImage::Kind::symlink)
        out.image.content = r.text("target");
    out.digest = r.text("sha256");
    const bool hex = std::ranges::all_of(out.digest, [](char c) { return hex_digits.contains(c); });
    if (!hex || (!out.digest.empty() && out.digest.size() != digest_size))
        r.complain("sha256");
    if (r.optional("content") != nullptr) {
        out.content = r.text("content");
        if (sha256(*out.content) != out.digest)
            r.complain("content");
    }
    if (r.optional("xattrs") != nullptr) {
        out.image.xattrs.emplace();
        for (const auto& pair : r.array("xattrs")) {
            const auto both = r.array_of(&pair, "xattrs");
            if (both.size() == 2)
                out.image.xattrs->emplace(r.text_of(&both[0], "xattrs"), r.text_of(&both[1], "xattrs"));
            else
                r.complain("xattrs");
        }
    }
    return out;
}

LineEdit read_lines(const Value* v, std::string& problem) {
    Reader r(v, problem);
    LineEdit out;
    for (const auto& one : r.array("removed")) {
        Reader line(&one, problem);
        LineEdit::Removed removed{line.text("line"), line.number("index", any_number)};
        if (line.optional("replaced_by") != nullptr)
            removed.replaced_by = line.text("replaced_by");
        out.removed.push_back(std::move(removed));
    }
    out.added = r.texts("added");
    return out;
}

FileStep read_file(const Value& v, std::string& problem) {
    Reader r(&v, problem);
    FileStep out{r.text("path"), read_image(r.optional("before"), problem),
                 read_image(r.optional("after"), problem)};
    if (r.optional("lines") != nullptr)
        out.lines = read_lines(r.optional("lines"), problem);
    return out;
}

Record read_record(const Value& v, std::string& problem) {
    Reader r(&v, problem);
    Record out;
    out.step.state = r.choice<JournalStep::State>("state", state_names);
    out.step.control = r.text("control");
    out.step.subject = r.text("subject");
    out.step.what = r.text("what");
    out.step.target = r.text("target");
    out.step.undo_error = r.text("undo_error");
    out.made = r.texts("made");
    for (const auto& file : r.array("files"))
        out.files.push_back(read_file(file, problem));
    if (r.optional("knob") != nullptr) {
        Reader k(r.optional("knob"), problem);
        out.knob = {k.text("path"), k.text("before"), k.text("after")};
    }
    if (r.optional("unit") != nullptr) {
        Reader u(r.optional("unit"), problem);
        out.unit = {{u.choice<policy::UnitAction::Verb>("verb", verb_names), u.text("unit")},
                    u.boolean("was_active")};
    }
    if (r.optional("stop") != nullptr) {
        Reader stop(r.optional("stop"), problem);
        out.stop = {stop.text("cgroup"), stop.text("unit"), static_cast<int>(stop.number("init", max_pid)),
                    stop.number("start", any_number)};
    }
    if (r.optional("linger_of") != nullptr)
        out.linger_of = static_cast<std::uint32_t>(r.number("linger_of", max_id));
    return out;
}

// The bytes of BODY, once the checksum has vouched for them.
Result<std::string_view> checked_body(std::string_view text, const std::string& path) {
    const auto fixed = head.size() + digest_size + middle.size();
    if (!text.starts_with(head))
        return fail(Code::integrity, path + ": not a journal entry that this version knows");
    if (text.size() < fixed + tail.size() ||
        text.substr(head.size() + digest_size, middle.size()) != middle || !text.ends_with(tail))
        return fail(Code::integrity, path + ": damaged journal entry: cut off");
    const auto body = text.substr(fixed, text.size() - fixed - tail.size());
    if (sha256(body) != text.substr(head.size(), digest_size))
        return fail(Code::integrity, path + ": damaged journal entry: the checksum does not match");
    return body;
}

}  // namespace

std::string write_entry(const Entry& entry) {
    Array records;
    for (const auto& r : entry.records)
        records.push_back(write_record(r));
    Table t;
    t.set("id", number(entry.id));
    t.set("time", entry.time);
    t.set("steps", std::move(records));
    const std::string body = to_json(t);
    return std::string(head) + sha256(body) + std::string(middle) + body + std::string(tail);
}

Result<Entry> read_entry(std::string_view text, const std::string& path) {
    PLIMSOLL_TRY(const auto body, checked_body(text, path));
    const auto value = parse_json(body, path);
    if (!value)
        return fail(Code::integrity, value.error().message);
    std::string problem;
    Reader r(&*value, problem);
    Entry out{r.number("id", any_number), r.text("time")};
    for (const auto& record : r.array("steps"))
        out.records.push_back(read_record(record, problem));
    if (!problem.empty())
        return fail(Code::integrity, path + ": damaged journal entry: " + problem);
    return out;
}

}  // namespace plimsoll::host
