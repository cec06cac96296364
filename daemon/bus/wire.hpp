// SPDX-License-Identifier: Apache-2.0
// The rows of org.plimsoll.Agent1 (units/dbus/org.plimsoll.Agent1.xml says what each column is). Pure.
#pragma once
#include "core/bus/compat.hpp"
#include "daemon/api.hpp"

namespace plimsoll::daemon::wire {

using EvidenceRow = sdbus::Struct<std::string, std::string, std::string, bool>;
using FindingRow =
    sdbus::Struct<std::string, std::string, std::string, std::string, std::string, std::string, std::uint64_t,
                  std::uint64_t, bool, std::vector<EvidenceRow>, std::string, std::string, bool, std::string>;
using GoneRow = sdbus::Struct<std::string, std::string>;
using TransitionRow =
    sdbus::Struct<std::uint64_t, std::uint64_t, std::string, std::string, std::string, std::string,
                  std::string, std::string, std::string, bool, std::string, std::int64_t, std::uint64_t>;
using ContainerColumns = sdbus::Struct<std::string, std::string, std::string, bool, std::uint32_t,
                                       std::int32_t, std::uint64_t, std::string, std::uint32_t, std::string>;
using PlannedRow =
    sdbus::Struct<std::string, std::string, std::string, std::string, std::string, std::string>;
using ContestedRow = sdbus::Struct<std::string, std::string, std::uint64_t, std::uint32_t, std::string>;

// What may stand in a D-Bus string: UTF-8 without NUL. Anything else becomes printable().
[[nodiscard]] std::string text(const std::string& s);
[[nodiscard]] std::vector<std::string> texts(const std::vector<std::string>& list);
[[nodiscard]] std::uint64_t seconds(Time t);
[[nodiscard]] std::uint64_t seconds(const std::optional<Time>& t);  // 0: none

// `all`: sensitive evidence too.
[[nodiscard]] std::vector<FindingRow> findings(const std::vector<Tracked>& list, bool all);
[[nodiscard]] bool has_sensitive(const std::vector<Tracked>& list);
[[nodiscard]] std::vector<GoneRow> gone(const std::vector<std::pair<std::string, std::string>>& list);
[[nodiscard]] TransitionRow transition(const Transition& t);
[[nodiscard]] std::vector<TransitionRow> transitions(const std::vector<Transition>& list);
[[nodiscard]] std::vector<ContainerColumns> containers(const std::vector<ContainerRow>& list);
// `all`: previews too.
[[nodiscard]] std::vector<PlannedRow> planned(const std::vector<Planned>& list, bool all);

}  // namespace plimsoll::daemon::wire
