// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/knob_writes.hpp"

#include "core/host/mountinfo.hpp"
#include "core/host/processes.hpp"
#include "daemon/watch/writers.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::string_view everything = "/proc/sys";

constexpr milliseconds stored{10};
constexpr milliseconds held_up{200};
constexpr std::size_t most_written{256};  // names that are kept apart, and whose last writer is
// Records that are taken in `stored`: any user may write to the settings of namespaces of his own as often as
// he likes. What the ring has no room for meanwhile is counted as lost.
constexpr int most_at_once{16};

// A record: the process's number, four bytes of nothing, comm, name.
constexpr int pid_at = 0;
constexpr int comm_at = 8;
constexpr int comm_size = 16;
constexpr int name_at = comm_at + comm_size;
constexpr int name_size = 128;  // what follows "net/ipv4/conf/" and an interface's name fits
constexpr int record_size = name_at + name_size;
constexpr std::uint32_t ring_bytes = 64U << 10U;  // a power of two of whole pages

enum Register { r0, r1, r2, r3, r4, r6 = 6, r7, frame = 10 };

constexpr bpf_insn instruction(unsigned code, int to, int from, int offset, std::int32_t value) {
    bpf_insn out{};
    out.code = static_cast<std::uint8_t>(code);
    out.dst_reg = static_cast<std::uint8_t>(to) & 0xfU;
    out.src_reg = static_cast<std::uint8_t>(from) & 0xfU;
    out.off = static_cast<std::int16_t>(offset);
    out.imm = value;
    return out;
}

constexpr bpf_insn set(int to, std::int32_t value) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

constexpr bpf_insn copy(int to, int from) {
    return instruction(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

constexpr bpf_insn add(int to, std::int32_t value) {
    return instruction(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}

constexpr bpf_insn call(std::int32_t helper) {
    return instruction(BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

constexpr bpf_insn map_of(int to, int fd) {  // the first half; the second is `upper`
    return instruction(BPF_LD | BPF_DW | BPF_IMM, to, BPF_PSEUDO_MAP_FD, 0, fd);
}

constexpr bpf_insn upper = instruction(0, 0, 0, 0, 0);

// What the kernel runs for each access, with struct bpf_sysctl in r1; jumps are counted from the next line.
// It allows whatever is done.
constexpr auto program_of(int ring, int lost) {
    return std::to_array<bpf_insn>({
        copy(r6, r1),
        instruction(BPF_LDX | BPF_MEM | BPF_W, r7, r6, 0, 0),  // bpf_sysctl.write
        instruction(BPF_JMP | BPF_JEQ | BPF_K, r7, 0, 34, 0),  // a read: to the end
        map_of(r1, ring),
        upper,
        set(r2, record_size),
        set(r3, 0),
        call(BPF_FUNC_ringbuf_reserve),
        instruction(BPF_JMP | BPF_JNE | BPF_K, r0, 0, 10, 0),  // there is room: to the record
        instruction(BPF_ST | BPF_MEM | BPF_W, frame, 0, -4, 0),
        copy(r2, frame),
        add(r2, -4),
        map_of(r1, lost),
        upper,
        call(BPF_FUNC_map_lookup_elem),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, r0, 0, 21, 0),  // to the end
        set(r1, 1),
        instruction(BPF_STX | BPF_ATOMIC | BPF_DW, r0, r1, 0, BPF_ADD),
        instruction(BPF_JMP | BPF_JA, 0, 0, 18, 0),  // to the end
        // The record.
        copy(r7, r0),
        call(BPF_FUNC_get_current_pid_tgid),
        instruction(BPF_ALU64 | BPF_RSH | BPF_K, r0, 0, 0, 32),
        instruction(BPF_STX | BPF_MEM | BPF_W, r7, r0, pid_at, 0),
        instruction(BPF_ST | BPF_MEM | BPF_W, r7, 0, pid_at + 4, 0),
        copy(r1, r7),
        add(r1, comm_at),
        set(r2, comm_size),
        call(BPF_FUNC_get_current_comm),
        copy(r1, r6),
        copy(r2, r7),
        add(r2, name_at),
        set(r3, name_size),
        set(r4, 0),
        call(BPF_FUNC_sysctl_get_name),
        copy(r1, r7),
        set(r2, 0),
        call(BPF_FUNC_ringbuf_submit),
        // The end.
        set(r0, 1),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    });
}

// libbpf gives descriptors, or the error as a negative number.
Result<Fd> taken(const char* what, int fd) {
    if (fd >= 0)
        return Fd(fd);
    // An old kernel refuses a helper that it does not have with one of these.
    const bool unknown = -fd == EINVAL || -fd == EACCES;
    return unknown ? Result<Fd>(fail(Code::unsupported, std::string(what) + ": this kernel cannot"))
                   : fail_errno(what, -fd);
}

Result<Fd> root_cgroup(const host::Sysroot& root) {
    const host::Sysroot::Unrecorded aside(root);
    PLIMSOLL_TRY(const auto text, host::read_kernel_file(root, "/proc/self/mountinfo"));
    PLIMSOLL_TRY(const auto mounts, host::parse_mountinfo(text, "/proc/self/mountinfo"));
    const auto found = std::ranges::find_if(
        mounts, [](const host::Mount& m) { return m.type == "cgroup2" && m.root == "/"; });
    if (found == mounts.end())
        return fail(Code::unsupported, "no cgroup v2 hierarchy is mounted");
    return root.open_at(found->point, O_RDONLY | O_DIRECTORY);
}

std::string text_in(std::string_view field) {
    return std::string(field.substr(0, field.find('\0')));
}

struct FreeRing {
    void operator()(ring_buffer* r) const noexcept { ::ring_buffer__free(r); }
};

}  // namespace

KnobWrite parse_knob_write(std::string_view record) {
    if (record.size() != record_size)
        return {};
    std::uint32_t pid = 0;
    std::memcpy(&pid, record.data() + pid_at, sizeof pid);
    return {static_cast<int>(pid & 0x7fffffffU), text_in(record.substr(comm_at, comm_size)),
            text_in(record.substr(name_at, name_size))};
}

struct KnobWrites::State {
    State(const host::Sysroot& r, OnWrite call) : root(r), on_write(std::move(call)) {}

    Result<void> start(const bus::EventLoop& loop);
    void read();
    [[nodiscard]] int take(std::string_view record);
    void note(const KnobWrite& write);
    void tell();
    void tell_again();
    [[nodiscard]] bool any_lost();

    const host::Sysroot& root;
    OnWrite on_write;
    Fd ring_map{};
    Fd lost_map{};
    Fd program{};
    Fd link{};  // closed, the program goes
    std::unique_ptr<ring_buffer, FreeRing> ring{};
    std::uint64_t lost{0};
    int left{0};                                      // of most_at_once
    std::set<std::string> fresh{};                    // not told of yet
    std::map<std::string, Clock::time_point> told{};  // once, and when
    std::map<std::string, std::string> writers{};
    bus::Source from_kernel{};
    bus::Source when_stored{};
    bus::Source when_held_up{};
};

Result<void> KnobWrites::State::start(const bus::EventLoop& loop) {
    PLIMSOLL_TRY(const Fd cgroup, root_cgroup(root));
    (void)::libbpf_set_print(nullptr);
    PLIMSOLL_TRY(ring_map,
                 taken("make a ring for writes to kernel settings",
                       ::bpf_map_create(BPF_MAP_TYPE_RINGBUF, "plimsoll_ring", 0, 0, ring_bytes, nullptr)));
    PLIMSOLL_TRY(lost_map, taken("count lost writes to kernel settings",
                                 ::bpf_map_create(BPF_MAP_TYPE_ARRAY, "plimsoll_lost", sizeof(std::uint32_t),
                                                  sizeof(std::uint64_t), 1, nullptr)));
    const auto code = program_of(ring_map.get(), lost_map.get());
    bpf_prog_load_opts how{};
    how.sz = sizeof how;
    how.expected_attach_type = BPF_CGROUP_SYSCTL;
    PLIMSOLL_TRY(program, taken("load the program that sees writes to kernel settings",
                                ::bpf_prog_load(BPF_PROG_TYPE_CGROUP_SYSCTL, "plimsoll_knobs", "GPL",
                                                code.data(), code.size(), &how)));
    PLIMSOLL_TRY(link, taken("attach the program that sees writes to kernel settings",
                             ::bpf_link_create(program.get(), cgroup.get(), BPF_CGROUP_SYSCTL, nullptr)));
    const auto on_record = [](void* self, void* data, std::size_t size) {
        return static_cast<State*>(self)->take({static_cast<const char*>(data), size});
    };
    ring.reset(::ring_buffer__new(ring_map.get(), on_record, this, nullptr));
    if (!ring)
        return fail_errno("map the ring for writes to kernel settings");
    PLIMSOLL_TRY(when_stored, loop.on_time(stored, stored / 10, [this] { tell(); }));
    when_stored.enable(false);
    PLIMSOLL_TRY(when_held_up, loop.on_time(held_up, stored, [this] { tell_again(); }));
    when_held_up.enable(false);
    PLIMSOLL_TRY(from_kernel, loop.on_io(
                                  ::ring_buffer__epoll_fd(ring.get()), EPOLLIN,
                                  [this](std::uint32_t) { read(); }, bus::EventLoop::Priority::watch));
    return {};
}

bool KnobWrites::State::any_lost() {
    const std::uint32_t key = 0;
    std::uint64_t now = 0;
    if (::bpf_map_lookup_elem(lost_map.get(), &key, &now) < 0)
        return true;
    return std::exchange(lost, now) != now;
}

// libbpf stops after the record for which this is negative.
int KnobWrites::State::take(std::string_view record) {
    note(parse_knob_write(record));
    return --left > 0 ? 0 : -1;
}

void KnobWrites::State::note(const KnobWrite& write) {
    if (write.pid == ::getpid())
        return;  // what we set ourselves is looked at at once
    const std::string path = write.name.empty() || fresh.size() >= most_written ? std::string(everything)
                                                                                : "/proc/sys/" + write.name;
    fresh.insert(path);
    if (writers.size() >= most_written && !writers.contains(path))
        writers.clear();
    writers[path] = describe_writer(root, write.pid, write.comm);
}

void KnobWrites::State::read() {
    left = most_at_once;
    (void)::ring_buffer__consume(ring.get());
    if (any_lost())
        fresh.emplace(everything);
    from_kernel.enable(false);
    when_stored.call_after(stored);
}

void KnobWrites::State::tell() {
    from_kernel.enable(true);
    const auto now = std::exchange(fresh, {});
    if (told.empty() && !now.empty())
        when_held_up.call_after(held_up);
    for (const auto& path : now) {
        told[path] = Clock::now();
        on_write(path, path == everything);
    }
}

void KnobWrites::State::tell_again() {
    const auto due = Clock::now() - held_up + stored;
    std::vector<std::string> now;
    for (const auto& [path, when] : told)
        if (when <= due)
            now.push_back(path);
    std::erase_if(told, [&](const auto& entry) { return entry.second <= due; });
    if (!told.empty())
        when_held_up.call_after(held_up);
    for (const auto& path : now)
        on_write(path, path == everything);
}

KnobWrites::KnobWrites(std::unique_ptr<State> state) : state_(std::move(state)) {}

KnobWrites::KnobWrites(KnobWrites&&) noexcept = default;
KnobWrites& KnobWrites::operator=(KnobWrites&&) noexcept = default;
KnobWrites::~KnobWrites() = default;

Result<KnobWrites> KnobWrites::make(const bus::EventLoop& loop, const host::Sysroot& root, OnWrite on_write) {
    auto state = std::make_unique<State>(root, std::move(on_write));
    PLIMSOLL_CHECK(state->start(loop));
    return KnobWrites(std::move(state));
}

std::string KnobWrites::last(const std::string& path) const {
    const auto found = state_->writers.find(path);
    return found == state_->writers.end() ? "" : found->second;
}

}  // namespace plimsoll::daemon
