// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/service.hpp"

#include "core/bus/errors.hpp"
#include "core/bus/pump.hpp"
#include "core/bus/retry.hpp"
#include "daemon/bus/agent_object.hpp"

#include <exception>

namespace plimsoll::daemon {
namespace {

// One connection and what hangs on it, ended in the reverse order.
struct Session {
    std::unique_ptr<sdbus::IConnection> connection{};
    std::unique_ptr<bus::Pump> pump{};
    std::unique_ptr<AgentObject> object{};
};

class BusService final : public Service {
  public:
    BusService(const bus::EventLoop& loop, Api& api, ServeOptions options)
        : loop_(loop),
          api_(api),
          options_(std::move(options)),
          retry_([this] { return connect(); }, options_.report) {}

    Result<void> start() {
        PLIMSOLL_CHECK(retry_.attach(loop_));
        const auto done = connect();
        if (!done && (done.error().code == Code::busy || done.error().code == Code::permission))
            return done;
        if (!done)
            retry_.after(done.error().message);
        return {};
    }

  private:
    Result<void> connect() {
        auto session = std::make_unique<Session>();
        try {
            session->connection = options_.kind == BusKind::system ? sdbus::createSystemBusConnection()
                                                                   : sdbus::createSessionBusConnection();
            session->object = std::make_unique<AgentObject>(*session->connection, loop_, api_, options_.kind);
        } catch (const std::exception& e) {
            return fail(Code::io, std::string("connect to the bus: ") + e.what());
        }
        try {
            bus::request_name(*session->connection, service_name);
        } catch (const sdbus::Error& e) {
            const bool refused = bus::code_of_name(std::string(e.getName())) == Code::permission;
            return fail(refused ? Code::permission : Code::busy,
                        std::string("take the name ") + service_name + ": " + e.getMessage());
        }
        PLIMSOLL_TRY(session->pump, bus::Pump::attach(loop_, *session->connection,
                                                      [this](const std::string& why) { lost(why); }));
        session_ = std::move(session);
        return {};
    }

    void lost(const std::string& why) {
        session_.reset();
        retry_.after("the bus is lost: " + why);
    }

    const bus::EventLoop& loop_;
    Api& api_;
    ServeOptions options_;
    std::unique_ptr<Session> session_{};
    bus::Retry retry_;
};

}  // namespace

Result<std::unique_ptr<Service>> serve(const bus::EventLoop& loop, Api& api, ServeOptions options) {
    auto service = std::make_unique<BusService>(loop, api, std::move(options));
    PLIMSOLL_CHECK(service->start());
    return service;
}

}  // namespace plimsoll::daemon
