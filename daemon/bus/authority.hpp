// SPDX-License-Identifier: Apache-2.0
// Who may ask the daemon for what. Never blocks: the answer comes by a call.
#pragma once
#include "core/base/result.hpp"
#include "daemon/bus/service.hpp"

#include <functional>
#include <memory>
#include <string>

namespace sdbus {
class IConnection;
class IProxy;
}  // namespace sdbus

namespace plimsoll::daemon {

// The actions of units/polkit/org.plimsoll.agent1.policy.
enum class Action { apply, undo, reload, look_again, read_sensitive };

class Authority {
  public:
    // Code::permission: no, with the reason; Code::busy: too many callers wait for an answer.
    using Then = std::function<void(Result<void>)>;

    Authority(sdbus::IConnection& connection, BusKind kind);
    ~Authority();
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;

    // Root may do everything, and so may the user whom the daemon runs as. Of others polkit is asked, on the
    // system bus; `interactive`: it may ask for a password, which may take two minutes.
    void ask(const std::string& sender, Action action, bool interactive, Then then);

  private:
    void with_uid(const std::string& sender, std::uint32_t uid, Action action, bool interactive,
                  const Then& then);
    void ask_polkit(const std::string& sender, Action action, bool interactive, const Then& then);
    // Counts while somebody waits.
    [[nodiscard]] Then counted(Then then);

    BusKind kind_;
    std::unique_ptr<sdbus::IProxy> driver_;
    std::unique_ptr<sdbus::IProxy> polkit_;
    std::size_t waiting_{0};
};

}  // namespace plimsoll::daemon
