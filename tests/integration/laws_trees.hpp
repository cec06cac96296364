// SPDX-License-Identifier: Apache-2.0
// The host trees on which the general laws of laws_test.cpp must hold.
#pragma once
#include "tests/support/tree.hpp"

#include <ostream>
#include <string_view>
#include <vector>

namespace plimsoll::tests {

struct TreeKind {
    std::string_view name;
    void (*fill)(const Tree& tree);

    friend std::ostream& operator<<(std::ostream& out, const TreeKind& kind) { return out << kind.name; }
};

// Nothing but an empty /etc; a Debian host that is in order; one with a violation of everything a file can
// violate; files that an attacker chose; files replaced by things that are not files.
[[nodiscard]] const std::vector<TreeKind>& tree_kinds();

// A Debian container host with one rootless user, alice, that is in order.
void fill_healthy(const Tree& tree);

}  // namespace plimsoll::tests
