// SPDX-License-Identifier: Apache-2.0
// Line edits of /etc/subuid and /etc/subgid, gathered into as few changes as possible.
#pragma once
#include "modules/subuid/subuid.hpp"

#include <set>

namespace plimsoll::modules::subuid {

[[nodiscard]] std::string path_of(IdKind kind);       // "/etc/subuid"
[[nodiscard]] std::string_view noun_of(IdKind kind);  // "uid"

[[nodiscard]] constexpr std::size_t index_of(IdKind kind) {
    return static_cast<std::size_t>(kind);
}

class Edits {
  public:
    void remove(IdKind kind, std::string line);
    void replace(IdKind kind, std::string line, std::string by);
    void add(IdKind kind, std::string line);

    [[nodiscard]] std::vector<policy::Change> changes() const;

  private:
    struct PerFile {
        std::vector<std::string> removed{};
        std::vector<std::string> replaced{};
        std::vector<std::string> replacements{};
        std::vector<std::string> added{};
        std::set<std::string, std::less<>> seen{};  // an edit of a line concerns all lines equal to it
    };

    std::array<PerFile, 2> files_{};
};

}  // namespace plimsoll::modules::subuid
