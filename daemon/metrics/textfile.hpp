// SPDX-License-Identifier: Apache-2.0
// The metrics as a file that node_exporter's textfile collector reads, replaced as a whole: soon after
// something changed, but never more often than every 15 seconds. It goes when the daemon ends, so that it
// does not go on to say that the host is inside its line.
#pragma once
#include "core/bus/event_loop.hpp"
#include "core/host/sysroot.hpp"
#include "daemon/api.hpp"

#include <chrono>
#include <functional>
#include <string>

namespace plimsoll::daemon::metrics {

class Textfile final : public Listener {
  public:
    struct Options {
        std::string path{};  // within the root; "NAME.prom", or node_exporter passes it over
        std::function<std::string()> text{};
        std::function<void(const std::string& problem)> report{};  // "": it could be written again
        std::chrono::milliseconds pause{std::chrono::seconds(15)};
    };

    // `root` must outlive it.
    Textfile(const host::Sysroot& root, Options options) : root_(root), options_(std::move(options)) {}

    ~Textfile() override;
    Textfile(const Textfile&) = delete;
    Textfile& operator=(const Textfile&) = delete;

    // Writes it for the first time within the next turns of the loop.
    [[nodiscard]] Result<void> attach(const bus::EventLoop& loop);

    void on_transition(const Transition&) override { changed(); }

    void on_status(const Status&) override { changed(); }

    void on_job(const Job&) override {}

  private:
    void changed();
    void write();

    const host::Sysroot& root_;
    Options options_;
    bus::Source timer_{};
    bool waiting_{false};
    bool ours_{false};  // what has the name
    std::string problem_{};
    std::chrono::steady_clock::time_point next_{};  // the earliest time for it
};

}  // namespace plimsoll::daemon::metrics
