// SPDX-License-Identifier: Apache-2.0
// Every kind of change, interrupted at every call that changes files: killed there, or that call fails with
// ENOSPC or EIO, or it and all after it. Afterwards every file is the old or the new one, the journal is
// readable, the next run settles what is open, and undo gives the first tree back.
#include "core/host/executor.hpp"
#include "core/host/subid.hpp"
#include "tests/support/fake_logind.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/xattr.h>

extern "C" {
void plimsoll_faults_arm(long at, int mode);
long plimsoll_faults_count(void);
}

namespace {
using namespace plimsoll;
using namespace plimsoll::policy;
using host::Executor;
using tests::Tree;

constexpr const char* state_dir = "/var/lib/plimsoll";

enum Mode { off, killed, no_space, io_error, dead_disk };

constexpr const char* mode_names[] = {"off", "kill", "enospc", "eio", "eio from here on"};

// Units whose state outlives the process that is killed.
class SharedServices final : public host::ServiceManager {
  public:
    SharedServices()
        : active_(static_cast<bool*>(
              ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
        *active_ = true;
    }

    SharedServices(const SharedServices&) = delete;
    SharedServices& operator=(const SharedServices&) = delete;

    ~SharedServices() override { ::munmap(active_, 4096); }

    Result<std::string> active_state(const std::string&) override { return *active_ ? "active" : "inactive"; }

    Result<void> start(const std::string&) override { return set(true); }

    Result<void> stop(const std::string&) override { return set(false); }

    Result<void> restart(const std::string&) override { return set(true); }

    Result<void> reload_manager() override { return {}; }

    // A logind that knows one user.
    Result<void> set_linger(std::uint32_t uid, bool linger) override {
        if (uid != known_uid)
            return fail(Code::not_found, "no such user");
        if (!tests::linger_as_logind_does(root, "web", linger))
            return fail(Code::io, "logind failed");
        return {};
    }

    static constexpr std::uint32_t known_uid = 990;
    std::filesystem::path root{};

  private:
    Result<void> set(bool active) {
        *active_ = active;
        return {};
    }

    bool* active_;
};

struct World {
    Tree tree{{"/etc/subuid", "root:0:1\nal:100000:65536"},
              {"/etc/subgid", "al:100000:65536\n"},
              {"/etc/.pwd.lock", ""},
              {"/etc/file", "old content\n"},
              {"/etc/long", std::string(20000, 'x')},
              {"/proc/sys/user/max", "0\n"}};
    mutable SharedServices services{};

    World() {
        services.root = tree.path();
        tree.link("/etc/link", "/somewhere");
        const auto file = tree.path("/etc/file");
        EXPECT_EQ(::chmod(file.c_str(), 0604), 0);
        EXPECT_EQ(::lchown(file.c_str(), 11, 12), 0);
        EXPECT_EQ(::setxattr(file.c_str(), "trusted.k", "v", 1, 0), 0);
        EXPECT_EQ(::lsetxattr(tree.path("/etc/link").c_str(), "trusted.k", "v", 1, 0), 0);
    }

    [[nodiscard]] std::string state() const {
        return tree.snapshot() + "\nunit " + *services.active_state("u");
    }
};

const std::vector<std::pair<std::string, Change>>& kinds() {
    static const std::vector<std::pair<std::string, Change>> all{
        {"WriteOver", WriteFile{"/etc/file", "new content\n"}},
        {"WriteOverLong", WriteFile{"/etc/long", "new content\n"}},
        {"WriteNew", WriteFile{"/etc/a/b/new", "new content\n", 0640, 7, 8}},
        {"Remove", RemoveFile{"/etc/file"}},
        {"RemoveLink", RemoveFile{"/etc/link"}},
        {"LinkNew", MakeSymlink{"/etc/systemd/system/x.service", "/dev/null"}},
        {"LinkOverFile", MakeSymlink{"/etc/file", "/dev/null"}},
        {"LinkOverLink", MakeSymlink{"/etc/link", "/dev/null"}},
        {"Directory", MakeDirectory{"/srv/x", 01770, 9, 10}},
        {"Edit", EditLines{"/etc/subuid", {"root:0:1"}, {"al:200000:65536"}}},
        {"TakeAway", EditLines{"/etc/subuid", {"root:0:1", "al:100000:65536"}}},
        {"Rename", EditLines{"/etc/subuid", {"al:100000:65536"}, {"la:100000:65536"}, true}},
        {"RemoveSubgid", RemoveFile{"/etc/subgid"}},
        {"Allocate", AllocateRange{"zoe", 300000, 65536}},
        {"Metadata", SetMetadata{"/etc/file", 0600, 0, 0}},
        {"Knob", SetKnob{"/proc/sys/user/max", "28633"}},
        {"Unit", UnitAction{UnitAction::Verb::stop, "u.service"}},
        {"Linger", SetLinger{"web", SharedServices::known_uid, true}},
        {"LingerByFileAlone", SetLinger{"web", std::nullopt, true}},
    };
    return all;
}

using Action = std::function<Result<void>(Executor&)>;

enum class End { finished, failed, was_killed, no_fault };

End run_here(const World& w, long at, Mode mode, const Action& action) {
    plimsoll_faults_arm(at, mode);
    bool good = false;
    {
        const auto h = w.tree.live_host();
        auto e = Executor::open(h, state_dir, &w.services);
        good = e && action(*e);
    }  // closed while the fault is still armed
    const bool reached = plimsoll_faults_count() >= at;
    plimsoll_faults_arm(0, off);
    return !reached ? End::no_fault : good ? End::finished : End::failed;
}

// Runs `action` with a fault at call number `at`; in a process of its own when it is to be killed there.
End run_with_fault(const World& w, long at, Mode mode, const Action& action) {
    if (mode != killed)
        return run_here(w, at, mode, action);
    const pid_t pid = ::fork();
    if (pid == 0)
        ::_exit(static_cast<int>(run_here(w, at, mode, action)));
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? End::was_killed : static_cast<End>(WEXITSTATUS(status));
}

std::set<std::string> lines_of(const std::string& text) {
    std::istringstream in(text);
    std::set<std::string> out;
    for (std::string line; std::getline(in, line);)
        // What the next run removes: temporary files and locks of the dead.
        if (line.find(".plimsoll-") == std::string::npos && line.find(".lock ") == std::string::npos)
            out.insert(line);
    return out;
}

void expect_old_or_new(const std::string& now, const std::string& before, const std::string& after) {
    const auto old_lines = lines_of(before);
    const auto new_lines = lines_of(after);
    for (const auto& line : lines_of(now))
        EXPECT_TRUE(old_lines.contains(line) || new_lines.contains(line)) << "half done: " << line;
}

// What each file has ever held, as far as a test looked.
using Contents = std::map<std::string, std::set<std::string>>;

void note_subids(const World& w, Contents& seen) {
    for (const char* path : {"/etc/subuid", "/etc/subgid"})
        if (std::filesystem::exists(w.tree.path(path)))
            seen[path].insert(w.tree.read(path));
}

// Ids that a file held once are still in it, or in the ledger.
void expect_no_id_forgotten(const World& w, Contents& seen) {
    note_subids(w, seen);
    const std::string ledger_file = host::ledger_path(state_dir);
    const bool exists = std::filesystem::exists(w.tree.path(ledger_file));
    const auto ledger = host::parse_ledger(exists ? w.tree.read(ledger_file) : "", ledger_file);
    ASSERT_TRUE(ledger) << ledger.error().message;
    for (const auto& [path, contents] : seen) {
        const bool there = std::filesystem::exists(w.tree.path(path));
        RangeSet known = host::occupied(host::parse_subid(there ? w.tree.read(path) : "", path));
        for (const auto& e : *ledger)
            if (path == "/etc/subuid" ? e.uid : e.gid)
                known.add(e.range);
        for (const auto& content : contents) {
            const RangeSet held = host::occupied(host::parse_subid(content, path));
            for (const Range r : held.ranges())
                EXPECT_TRUE(known.contains(r)) << path << ": " << r.start << "-" << r.end << " is forgotten";
        }
    }
}

void undo_all(Executor& e, const host::Host& h) {
    const auto journal = host::read_journal(h, state_dir);
    ASSERT_TRUE(journal) << journal.error().message;
    for (auto entry = journal->rbegin(); entry != journal->rend(); ++entry) {
        const auto undone = e.undo(entry->id);
        EXPECT_TRUE(undone) << undone.error().message;
    }
}

// The next run: settles, and can undo.
void expect_recovery(const World& w, const std::string& before, const std::string& after) {
    const auto h = w.tree.live_host();
    auto e = Executor::open(h, state_dir, &w.services);
    ASSERT_TRUE(e) << e.error().message;
    EXPECT_TRUE(e->problems().empty()) << e->problems()[0];
    const auto settled = w.state();
    EXPECT_TRUE(settled == before || settled == after) << settled << "\n--- before\n" << before;
    undo_all(*e, h);
    EXPECT_EQ(w.state(), before);
}

class CrashMatrix : public testing::TestWithParam<std::pair<std::string, Change>> {
  protected:
    static void SetUpTestSuite() {
        // fsync(2) costs nothing there, and there are some thousand runs.
        if (::access("/dev/shm", W_OK) == 0)
            ::setenv("TMPDIR", "/dev/shm", 1);
    }
};

constexpr long too_many = 1000;

TEST_P(CrashMatrix, Apply) {
    const auto& [name, change] = GetParam();
    const Action action = [&](Executor& e) { return e.apply("c", "s", change); };
    const World reference;
    ASSERT_EQ(run_with_fault(reference, too_many, killed, action), End::no_fault);
    const std::string after = reference.state();
    for (const Mode mode : {killed, no_space, io_error, dead_disk}) {
        long n = 1;
        for (;; ++n) {
            SCOPED_TRACE(std::string(mode_names[mode]) + " at call " + std::to_string(n));
            const World w;
            const std::string before = w.state();
            Contents seen;
            note_subids(w, seen);
            ASSERT_LT(n, too_many);
            const End end = run_with_fault(w, n, mode, action);
            expect_no_id_forgotten(w, seen);
            if (end == End::no_fault) {
                EXPECT_EQ(w.state(), after);
                break;
            }
            if (name != "Metadata")  // several calls; the next run completes or takes back
                expect_old_or_new(w.state(), before, after);
            if (end == End::failed && mode != dead_disk) {
                EXPECT_EQ(lines_of(w.state()), lines_of(before)) << "a failed change left something";
            }
            expect_recovery(w, before, after);
            expect_no_id_forgotten(w, seen);
            if (HasFailure())
                return;
        }
        EXPECT_GT(n, 15) << "the faults do not reach the code under test";
    }
}

TEST_P(CrashMatrix, Undo) {
    const auto& [name, change] = GetParam();
    for (const Mode mode : {killed, no_space, io_error, dead_disk}) {
        for (long n = 1;; ++n) {
            SCOPED_TRACE(std::string(mode_names[mode]) + " at call " + std::to_string(n));
            const World w;
            const std::string before = w.state();
            ASSERT_EQ(
                run_with_fault(w, too_many, killed, [&](Executor& e) { return e.apply("c", "s", change); }),
                End::no_fault);
            const std::string after = w.state();
            Contents seen;
            note_subids(w, seen);
            const End end = run_with_fault(w, n, mode, [](Executor& e) { return e.undo(1); });
            expect_no_id_forgotten(w, seen);
            if (end == End::no_fault) {
                EXPECT_EQ(w.state(), before);
                break;
            }
            if (name != "Metadata")
                expect_old_or_new(w.state(), before, after);
            const auto h = w.tree.live_host();
            auto e = Executor::open(h, state_dir, &w.services);
            ASSERT_TRUE(e) << e.error().message;
            undo_all(*e, h);
            EXPECT_EQ(w.state(), before);
            expect_no_id_forgotten(w, seen);
            if (HasFailure())
                return;
        }
    }
}

// Power fails again while the next run settles.
TEST_P(CrashMatrix, KilledTwice) {
    const auto& change = GetParam().second;
    constexpr long step = 7;
    for (long n = 1;; n += step) {
        bool first_was_killed = false;
        for (long m = 1; m < too_many; m += step) {
            SCOPED_TRACE("killed at call " + std::to_string(n) + ", then at " + std::to_string(m));
            const World w;
            const std::string before = w.state();
            first_was_killed = run_with_fault(w, n, killed, [&](Executor& e) {
                                   return e.apply("c", "s", change);
                               }) == End::was_killed;
            const End second = run_with_fault(w, m, killed, [](Executor&) -> Result<void> { return {}; });
            const auto h = w.tree.live_host();
            auto e = Executor::open(h, state_dir, &w.services);
            ASSERT_TRUE(e) << e.error().message;
            EXPECT_TRUE(e->problems().empty()) << e->problems()[0];
            undo_all(*e, h);
            EXPECT_EQ(w.state(), before);
            if (second != End::was_killed || HasFailure())
                break;
        }
        if (!first_was_killed || HasFailure())
            return;
    }
}

INSTANTIATE_TEST_SUITE_P(Changes, CrashMatrix, testing::ValuesIn(kinds()),
                         [](const auto& one) { return one.param.first; });
}  // namespace
