// SPDX-License-Identifier: Apache-2.0
// The facts put in order for the controls: owners resolved to accounts, and who is granted which ids by which
// line for which reader.
#pragma once
#include "modules/subuid/edits.hpp"
#include "modules/subuid/subuid.hpp"
#include "modules/subuid/verdict.hpp"

#include <cstdint>
#include <unordered_map>

namespace plimsoll::modules::subuid {

using Views = std::uint8_t;  // bit set, by host::SubidView
inline constexpr Views shadow_bit = 1U;
inline constexpr Views go_bit = 2U;
inline constexpr Views moby_bit = 4U;

struct Owner {
    std::string_view text;               // as it was first written; belongs to the facts
    const host::User* account{nullptr};  // nullptr: no local account
    std::optional<std::uint32_t> uid{};  // of the account
    std::optional<std::uint32_t> gid{};  // its primary group

    // The account's name, else the text; printable.
    [[nodiscard]] std::string label() const;

    // A uid rather than a name.
    [[nodiscard]] bool by_number() const;

    // "# …", which only some readers take for an owner.
    [[nodiscard]] bool comment() const { return text.starts_with('#'); }
};

struct Grant {
    Range ids;
    std::uint32_t line{0};   // index into the file's lines
    std::uint32_t owner{0};  // index into Context::owners
    Views views{0};          // readers that see exactly this
};

// Answers "does anybody else hold ids of this range?" in logarithmic time.
class Holders {
  public:
    Holders() : Holders(std::vector<Grant>{}) {}

    explicit Holders(std::vector<Grant> grants);

    [[nodiscard]] bool held_by_other(Range ids, std::uint32_t owner) const;

    [[nodiscard]] const std::vector<Grant>& by_start() const { return grants_; }

    // Of the grants before index `i` in by_start(), the one that reaches furthest and is not `owner`'s;
    // nullptr: there is none.
    [[nodiscard]] const Grant* furthest_before(std::size_t i, std::uint32_t owner) const;

  private:
    // Up to each index, the furthest reaching grant and the furthest one of any other owner.
    struct Furthest {
        std::uint32_t first{0};
        std::uint32_t second{0};
    };

    std::vector<Grant> grants_;
    std::vector<Furthest> furthest_;
};

struct Context {
    Context(const Params& p, const policy::Provision& w, const Facts& f);

    const Params& params;
    const policy::Provision& wanted;
    const Facts& facts;

    std::vector<Owner> owners{};
    std::array<std::vector<Grant>, 2> grants{};     // by IdKind, in the order of the lines
    std::array<Holders, 2> holders{};               // by IdKind: of the grants that count
    std::array<std::vector<RealId>, 2> real_ids{};  // by IdKind, sorted by id

    [[nodiscard]] bool readable(IdKind kind) const { return facts.files[index_of(kind)].has_value(); }

    [[nodiscard]] const host::SubidLine& line(IdKind kind, const Grant& g) const {
        return facts.files[index_of(kind)]->content.lines[g.line];
    }

    // Whether a grant can be used: one that only dockerd sees matters for its own remap user alone.
    [[nodiscard]] bool counts(const Grant& g) const;
    [[nodiscard]] bool is_remap_user(const Owner& o) const;
    [[nodiscard]] bool is_containers_user(const Owner& o) const;
    [[nodiscard]] bool remote_accounts() const;
    // Why an owner without an account may be a user all the same; empty: it is none.
    [[nodiscard]] std::string unseen_users() const;
    // Whether the accounts are known, and this owner is none of them but may be a user all the same.
    [[nodiscard]] bool unseen(const Owner& o) const;
    // Without the accounts nobody can say whether a name and a number are one owner.
    [[nodiscard]] bool maybe_one(const Owner& a, const Owner& b) const;
    [[nodiscard]] const Owner* owner_named(std::string_view text) const;
    // Whether all readers give the lines of this owner to two accounts: the one that is called so, and the
    // one that has it for its number.
    [[nodiscard]] bool names_two(std::string_view text) const;
    // Whether the line may be merged with others or given another owner: it is plain, and one account's.
    [[nodiscard]] bool movable(const host::SubidLine& line) const;

    // Whether giving `ids` to `owner` harms nobody: no account, no other owner's, nothing reserved.
    [[nodiscard]] bool harmless(IdKind kind, Range ids, std::uint32_t owner) const;
    // The same for the ids that line `number` means: what some reader now takes from it for another owner is
    // no obstacle. Linear in the number of lines.
    [[nodiscard]] bool harmless_line(IdKind kind, Range ids, std::uint32_t owner, int number) const;

    // Real ids within `ids`, as a span of real_ids.
    [[nodiscard]] std::span<const RealId> real_within(IdKind kind, Range ids) const;

    [[nodiscard]] policy::Evidence evidence(IdKind kind, const Grant& g, std::string expected) const;

    // Whether the provision part of the policy states ranges of this user.
    [[nodiscard]] bool provisioned(std::string_view user) const;
    // Whether a running process has one of these ids, or a namespace maps one, or nobody can say.
    [[nodiscard]] bool in_use(Range ids) const;

    // Adds an unknown for everything that keeps the two files from being the whole truth: unreadable, NUL
    // bytes, another source in nsswitch.conf.
    void note_gaps(Verdict& v) const;

    // "No entries": neither file has a line that grants anything.
    [[nodiscard]] bool empty() const { return grants[0].empty() && grants[1].empty(); }

  private:
    std::uint32_t owner_index(std::string_view text);
    std::uint32_t account_index(std::string_view text, const host::User& user);
    void read_grants(IdKind kind);
    void share_numbers(IdKind kind);
    void read_real_ids();
    [[nodiscard]] bool nobodys(IdKind kind, Range ids) const;
    [[nodiscard]] RangeSet look_up_used() const;

    mutable std::optional<RangeSet> used_{};  // looked up when it is first asked for
    std::unordered_map<std::string_view, std::uint32_t> by_text_{};
    std::unordered_map<std::uint32_t, std::uint32_t> by_uid_{};
    std::unordered_map<std::string_view, const host::User*> users_by_name_{};
    std::unordered_map<std::uint32_t, const host::User*> users_by_uid_{};
};

// "alice:100000:65536"
[[nodiscard]] std::string grant_line(std::string_view owner, Range ids);
// "100000-165535"
[[nodiscard]] std::string text_of(Range ids);
}  // namespace plimsoll::modules::subuid
