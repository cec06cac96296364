// SPDX-License-Identifier: Apache-2.0
// The metrics as text. Pure. docs/daemon.md has the table of them.
#pragma once
#include "daemon/api.hpp"

#include <string>

namespace plimsoll::daemon::metrics {

enum class Dialect {
    openmetrics,  // OpenMetrics 1.0, https://prometheus.io/docs/specs/om/open_metrics_spec/
    // Prometheus's text format 0.0.4, as node_exporter reads it from *.prom: counters and infos are declared
    // with the suffix of their samples, there are no units, and nothing marks the end.
    textfile,
};

// Contested keys that are named one by one; the rest is only counted.
inline constexpr std::size_t most_contested_named{100};

// What others wrote becomes printable() first: no label value can break the text, or a terminal.
[[nodiscard]] std::string render(const Measures& measures, Dialect dialect);

}  // namespace plimsoll::daemon::metrics
