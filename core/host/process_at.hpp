// SPDX-License-Identifier: Apache-2.0
// One process or thread through its open directory below /proc. The descriptor stands for that task for ever:
// when its number is given to another one, reading fails instead of telling of the other.
#pragma once
#include "core/host/directory.hpp"
#include "core/host/processes.hpp"

namespace plimsoll::host {

// Whether an error of reading below /proc/PID means that the task has ended.
[[nodiscard]] bool is_gone(const Error& error);

// `process` is /proc/PID. Check an Error with is_gone().
[[nodiscard]] Result<Process> read_process(const Directory& process, int pid);
// Without the arguments. Its status is read last: there was a process all the while.
[[nodiscard]] Result<Process> read_process_state(const Directory& process, int pid);
// Empty: none, or they could not be read.
[[nodiscard]] std::vector<std::string> read_arguments(const Directory& process);
[[nodiscard]] Result<ProcessStat> read_process_stat(const Directory& process);

// `thread` is /proc/PID/task/TID: ids, capabilities, no_new_privs and filter are its own; program, arguments
// and user namespace are the leader's, as all threads have one (unshare(2), setns(2)). pid is TID.
[[nodiscard]] Result<Process> read_thread(const Directory& thread, int tid, const Process& leader);

}  // namespace plimsoll::host
