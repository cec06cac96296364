// SPDX-License-Identifier: Apache-2.0
#include "agentctl/live/client.hpp"

#include "core/bus/guard.hpp"
#include "core/bus/pump.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include <agent1_proxy.hpp>

namespace plimsoll::agentctl::live {
namespace {

constexpr const char* service = "org.plimsoll.Agent1";
constexpr const char* object = "/org/plimsoll/Agent1";
constexpr const char* properties_interface = "org.freedesktop.DBus.Properties";
constexpr const char* bus_name = "org.freedesktop.DBus";
constexpr std::chrono::microseconds patience = std::chrono::seconds(15);
constexpr std::uint64_t last_second = 253'402'300'799;  // of the year 9999

Time time_of(std::uint64_t seconds) {
    return Time(std::chrono::seconds(std::min(seconds, last_second)));
}

using Properties = std::map<std::string, sdbus::Variant>;

// Takes properties out of the answer. One that is missing, or is of another type, must not look as if it were
// empty: the first such is kept in `wrong`.
struct Reader {
    const Properties& all;
    std::string wrong{};

    template <class T>
    T get(const char* name) {
        const auto it = all.find(name);
        if (it != all.end() && it->second.containsValueOfType<T>())
            return it->second.get<T>();
        if (wrong.empty())
            wrong = name;
        return T{};
    }

    Time time(const char* name) { return time_of(get<std::uint64_t>(name)); }
};

using ContestedRow = sdbus::Struct<std::string, std::string, std::uint64_t, std::uint32_t, std::string>;

std::vector<Contested> contested(const std::vector<ContestedRow>& rows) {
    std::vector<Contested> out;
    out.reserve(rows.size());
    for (const auto& r : rows)
        out.push_back({r.get<0>(), r.get<1>(), time_of(r.get<2>()), r.get<3>(), r.get<4>()});
    return out;
}

Result<Status> status_of(const Properties& all) {
    Reader reader{all};
    Status out;
    out.line = reader.get<std::string>("Line");
    out.line_since = reader.time("LineSince");
    out.counts = reader.get<std::map<std::string, std::uint32_t>>("Counts");
    out.profile = reader.get<std::string>("Profile");
    out.policy_digest = reader.get<std::string>("PolicyDigest");
    out.policy_problems = reader.get<std::vector<std::string>>("PolicyProblems");
    out.started = reader.time("Started");
    if (const auto t = reader.time("LastFullPass"); t != Time{})
        out.last_full_pass = t;
    out.healed_today = reader.get<std::uint64_t>("HealedToday");
    out.contested = contested(reader.get<std::vector<ContestedRow>>("Contested"));
    out.degraded = reader.get<std::vector<std::string>>("Degraded");
    out.root = reader.get<std::string>("Root");
    out.version = reader.get<std::string>("Version");
    if (!reader.wrong.empty())
        return fail(Code::integrity,
                    "the daemon tells no " + reader.wrong + " that this version understands");
    return out;
}

// The columns of History and of TransitionAdded.
template <class... Columns>
Transition transition_of(const std::tuple<Columns...>& row) {
    Transition out;
    out.id = std::get<0>(row);
    out.time = time_of(std::get<1>(row));
    out.control = std::get<2>(row);
    out.subject = std::get<3>(row);
    out.from = std::get<4>(row);
    out.to = std::get<5>(row);
    out.severity = std::get<6>(row);
    out.message = std::get<7>(row);
    out.cause = std::get<8>(row);
    out.announced = std::get<9>(row);
    out.healed_by = std::get<10>(row);
    if (const std::int64_t out_for = std::get<11>(row); out_for >= 0)
        out.out_for = std::chrono::microseconds(out_for);
    out.journal_entry = std::get<12>(row);
    return out;
}

class Agent final : public sdbus::ProxyInterfaces<org::plimsoll::Agent1_proxy> {
  public:
    explicit Agent(sdbus::IConnection& connection)
        : ProxyInterfaces(connection, bus::ServiceName(service), sdbus::ObjectPath(object)) {
        getProxy()
            .uponSignal("PropertiesChanged")
            .onInterface(properties_interface)
            .call([this](const std::string&, const std::map<std::string, sdbus::Variant>&,
                         const std::vector<std::string>&) {
                if (signals_.status_changed)
                    signals_.status_changed();
            });
        registerProxy();
    }

    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    ~Agent() { unregisterProxy(); }

    // All at once, so that they belong together.
    Properties properties() {
        Properties out;
        getProxy()
            .callMethod("GetAll")
            .onInterface(properties_interface)
            .withArguments(std::string(INTERFACE_NAME))
            .storeResultsTo(out);
        return out;
    }

    void tell(Signals signals) { signals_ = std::move(signals); }

    void tell_presence(bool there) const {
        if (signals_.presence)
            signals_.presence(there);
    }

    void tell_lost(const std::string& why) const {
        if (signals_.lost)
            signals_.lost(why);
    }

  private:
    // The generated interface has a parameter for each column.
    // NOLINTNEXTLINE(readability-function-size)
    void onTransitionAdded(const std::uint64_t& id, const std::uint64_t& time, const std::string& control,
                           const std::string& subject, const std::string& from, const std::string& to,
                           const std::string& severity, const std::string& message, const std::string& cause,
                           const bool& announced, const std::string& healed_by, const std::int64_t& out_for,
                           const std::uint64_t& journal_entry) override {
        if (signals_.transition)
            signals_.transition(
                transition_of(std::tie(id, time, control, subject, from, to, severity, message, cause,
                                       announced, healed_by, out_for, journal_entry)));
    }

    // NOLINTNEXTLINE(readability-function-size)
    void onJobChanged(const std::uint64_t&, const std::string&, const std::string&, const std::uint32_t&,
                      const std::uint32_t&, const std::string&, const std::uint64_t&) override {}

    Signals signals_{};
};

// The bus's own object.
class Names {
  public:
    Names(sdbus::IConnection& connection, const Agent& agent)
        : proxy_(bus::make_proxy(connection, bus_name, "/org/freedesktop/DBus")) {
        proxy_->uponSignal("NameOwnerChanged")
            .onInterface(bus_name)
            .call([&agent](const std::string& name, const std::string&, const std::string& owner) {
                if (name == service)
                    agent.tell_presence(!owner.empty());
            });
        bus::signals_registered(*proxy_);
    }

    bool has_owner() {
        bool out = false;
        proxy_->callMethod("NameHasOwner")
            .onInterface(bus_name)
            .withArguments(std::string(service))
            .storeResultsTo(out);
        return out;
    }

  private:
    std::unique_ptr<sdbus::IProxy> proxy_;
};

}  // namespace

// In the order of construction; ended in the reverse one.
struct Client::State {
    explicit State(std::unique_ptr<sdbus::IConnection> c)
        : connection(std::move(c)), agent(*connection), names(*connection, agent) {}

    std::unique_ptr<sdbus::IConnection> connection;
    Agent agent;
    Names names;
    std::unique_ptr<bus::Pump> pump{};
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}

Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::connect(BusKind kind) {
    const bool system = kind == BusKind::system;
    auto client = bus::guarded(system ? "connect to the system bus" : "connect to the session bus", [&] {
        auto connection = system ? sdbus::createSystemBusConnection() : sdbus::createSessionBusConnection();
        connection->setMethodCallTimeout(patience);
        return std::unique_ptr<Client>(new Client(std::make_unique<State>(std::move(connection))));
    });
    // However the connection failed, there is nobody to ask.
    if (!client && client.error().code != Code::permission)
        client.error().code = Code::unsupported;
    return client;
}

Result<bool> Client::daemon_is_there() {
    return bus::guarded("ask the bus for the daemon", [&] { return state_->names.has_owner(); });
}

Result<Status> Client::status() {
    PLIMSOLL_TRY(const auto all,
                 bus::guarded("ask the daemon for its status", [&] { return state_->agent.properties(); }));
    return status_of(all);
}

Result<std::vector<Finding>> Client::findings(const std::string& statuses) {
    return bus::guarded("ask the daemon for findings", [&] {
        std::vector<Finding> out;
        for (const auto& r : state_->agent.Findings("", statuses, ""))
            out.push_back({r.get<0>(), r.get<1>(), r.get<2>(), r.get<3>(), r.get<5>(), time_of(r.get<6>()),
                           r.get<8>()});
        return out;
    });
}

Result<std::vector<Transition>> Client::history(const HistoryQuery& query) {
    return bus::guarded("ask the daemon for the history", [&] {
        std::vector<Transition> out;
        const auto since =
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, query.since.time_since_epoch().count()));
        for (const auto& r : state_->agent.History(query.after, since, query.controls, query.limit))
            out.push_back(transition_of(r));
        return out;
    });
}

Result<std::vector<Container>> Client::containers() {
    return bus::guarded("ask the daemon for containers", [&] {
        std::vector<Container> out;
        for (const auto& r : state_->agent.Containers())
            out.push_back({r.get<0>(), r.get<1>(), r.get<2>(), r.get<3>(), r.get<4>(), r.get<5>(),
                           time_of(r.get<6>()), r.get<7>(), r.get<8>(), r.get<9>()});
        return out;
    });
}

Result<void> Client::listen(const bus::EventLoop& loop, Signals signals) {
    state_->agent.tell(std::move(signals));
    PLIMSOLL_TRY(state_->pump, bus::Pump::attach(loop, *state_->connection, [this](const std::string& why) {
                     state_->agent.tell_lost(why);
                 }));
    return {};
}

}  // namespace plimsoll::agentctl::live
