// SPDX-License-Identifier: Apache-2.0
// The metrics on a Unix socket that everybody may read, for `curl --unix-socket PATH
// http://localhost/metrics` and scrapers. On the daemon's loop, and never in its way: nothing waits, and who
// is slow is cut off.
#pragma once
#include "core/bus/event_loop.hpp"
#include "core/host/sysroot.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace plimsoll::daemon::metrics {

struct ServerLimits {
    // At once. One more, and the one that is there longest is cut off: a scraper is done in a millisecond.
    std::size_t clients{16};
    // From connecting to having read everything.
    std::chrono::milliseconds deadline{5000};
    // Connections in a second; those beyond wait for the next.
    std::size_t per_second{50};
};

class Server {
  public:
    // `path` is one within the root; missing parents are made. A socket there that nobody listens on is
    // replaced; Code::busy when somebody does, Code::integrity when something else has the name. `text` gives
    // the metrics and is called once for each that asks. `loop` must outlive it, `root` need not.
    [[nodiscard]] static Result<Server> make(const bus::EventLoop& loop, const host::Sysroot& root,
                                             const std::string& path, std::function<std::string()> text,
                                             ServerLimits limits = {});
    Server(Server&&) noexcept;
    Server& operator=(Server&&) noexcept;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();  // removes the socket

  private:
    struct State;
    explicit Server(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace plimsoll::daemon::metrics
