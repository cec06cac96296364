// SPDX-License-Identifier: Apache-2.0
#include "core/host/runner.hpp"

#include "core/base/fd.hpp"

#include <algorithm>
#include <array>
#include <csignal>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace plimsoll::host {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
    Fd read;
    Fd write;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0)
        return fail_errno("pipe");
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

std::vector<char*> c_strings(const std::vector<std::string>& strings) {
    std::vector<char*> out;
    for (const auto& s : strings)
        out.push_back(const_cast<char*>(s.c_str()));  // execve(2) does not write through them
    out.push_back(nullptr);
    return out;
}

// What the child needs, prepared before fork(): after it only async-signal-safe calls are allowed.
struct Child {
    const Command& command;
    std::vector<char*> argv;
    std::vector<char*> env;
    int null;
    int out;
    int err;
    int report;  // receives errno when the program cannot be started

    [[noreturn]] void die(int error) const {
        (void)!::write(report, &error, sizeof error);
        ::_exit(127);
    }

    void reset_signals() const {
        for (int s = 1; s < NSIG; ++s)
            ::signal(s, SIG_DFL);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
    }

    void drop_privileges() const {
        if (!command.uid && !command.gid)
            return;
        if (::setgroups(0, nullptr) < 0)
            die(errno);
        if (command.gid && ::setresgid(*command.gid, *command.gid, *command.gid) < 0)
            die(errno);
        if (command.uid && ::setresuid(*command.uid, *command.uid, *command.uid) < 0)
            die(errno);
    }

    [[noreturn]] void run() const {
        ::setpgid(0, 0);
        reset_signals();
        if (::dup2(null, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0)
            die(errno);
        // Everything else, also what a library opened without O_CLOEXEC.
        ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        drop_privileges();
        if (::chdir("/") < 0)
            die(errno);
        ::execve(argv[0], argv.data(), env.data());
        die(errno);
    }
};

// A started program. Whatever happens, its process group does not outlive this object.
class Running {
  public:
    explicit Running(pid_t pid) : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

    Running(const Running&) = delete;
    Running(Running&&) = delete;
    Running& operator=(const Running&) = delete;
    Running& operator=(Running&&) = delete;

    ~Running() {
        if (pid_ > 0)
            (void)kill_group();
    }

    [[nodiscard]] int pidfd() const { return pidfd_.get(); }

    // Waits for a program that has ended, kills what it left behind and returns its exit code.
    int reap() {
        siginfo_t info{};
        while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
        }
        return kill_group();
    }

  private:
    // The leader is not reaped yet, so that its number cannot belong to another group.
    int kill_group() {
        ::kill(-pid_, SIGKILL);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

    pid_t pid_;
    Fd pidfd_;
};

// Reads what is there. false: end of file.
Result<bool> drain(const Fd& fd, std::string& into, const Command& command) {
    std::array<char, 16384> buf{};
    for (;;) {
        const ssize_t n = ::read(fd.get(), buf.data(), buf.size());
        if (n == 0)
            return false;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n < 0)
            return fail_errno("read the output of " + command.argv[0]);
        if (into.size() + static_cast<std::size_t>(n) > command.max_output)
            return fail(Code::invalid_input, command.argv[0] + ": more than " +
                                                 std::to_string(command.max_output) + " bytes of output");
        into.append(buf.data(), static_cast<std::size_t>(n));
    }
}

int milliseconds_left(Clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

// Reads both pipes until the program has ended; a grandchild that keeps them open does not keep us.
Result<void> collect(const Command& command, const Running& running, const Fd& out, const Fd& err,
                     Outcome& outcome) {
    const auto deadline = Clock::now() + command.deadline;
    std::array<pollfd, 3> fds{{{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}, {running.pidfd(), POLLIN, 0}}};
    for (;;) {
        const int left = milliseconds_left(deadline);
        if (left == 0)
            return fail(Code::busy, command.argv[0] + ": did not end within " +
                                        std::to_string(command.deadline.count()) + " ms");
        if (::poll(fds.data(), fds.size(), left) < 0 && errno != EINTR)
            return fail_errno("poll");
        PLIMSOLL_TRY(const bool more_out, drain(out, outcome.out, command));
        PLIMSOLL_TRY(const bool more_err, drain(err, outcome.err, command));
        if ((fds[2].revents & POLLIN) != 0)
            return {};
        if (!more_out)
            fds[0].fd = -1;
        if (!more_err)
            fds[1].fd = -1;
    }
}

Result<void> started(const Fd& report, const Command& command) {
    int error = 0;
    ssize_t n = 0;
    while ((n = ::read(report.get(), &error, sizeof error)) < 0 && errno == EINTR) {
    }
    if (n == static_cast<ssize_t>(sizeof error))
        return fail_errno("run " + command.argv[0], error);
    return {};
}

}  // namespace

Result<Outcome> ProcessRunner::run(const Command& command) {
    if (command.argv.empty() || !command.argv[0].starts_with('/'))
        return fail(Code::internal, "run: the program must be an absolute path");
    PLIMSOLL_TRY(auto out, make_pipe());
    PLIMSOLL_TRY(auto err, make_pipe());
    PLIMSOLL_TRY(auto report, make_pipe());
    const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!null)
        return fail_errno("open /dev/null");
    ::fcntl(out.read.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(err.read.get(), F_SETFL, O_NONBLOCK);
    const Child child{command,         c_strings(command.argv), c_strings(command.env), null.get(),
                      out.write.get(), err.write.get(),         report.write.get()};
    const pid_t pid = ::fork();
    if (pid < 0)
        return fail_errno("fork");
    if (pid == 0)
        child.run();
    ::setpgid(pid, pid);  // as the child does: whoever is first
    Running running(pid);
    if (running.pidfd() < 0)
        return fail_errno("pidfd_open");
    out.write.reset();
    err.write.reset();
    report.write.reset();
    PLIMSOLL_CHECK(started(report.read, command));
    Outcome outcome;
    PLIMSOLL_CHECK(collect(command, running, out.read, err.read, outcome));
    outcome.exit_code = running.reap();
    return outcome;
}

}  // namespace plimsoll::host
