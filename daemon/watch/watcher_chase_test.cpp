// SPDX-License-Identifier: Apache-2.0
// Somebody changes a tree at random as fast as possible, while an observer looks whenever it is told to. In
// the end it must have seen the end: a change that was not announced would leave it with an older view.
#include "daemon/watch/testing/child.hpp"
#include "daemon/watch/watcher.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr std::array looked_at{"/a/f", "/a/b/f", "/a/b/c/f", "/l/f", "/a/l", "/b/f", "/m/f"};
constexpr std::array listed{"/a", "/a/b", "/l", "/m"};
// Where things are put, some of it seen by nobody.
constexpr std::array places{"/a",   "/a/b", "/a/b/c", "/a/f", "/a/b/f", "/a/b/c/f", "/l",      "/l/f",
                            "/a/l", "/b",   "/b/f",   "/m",   "/m/f",   "/other",   "/other/f"};

class Vandal {
  public:
    Vandal(std::string directory, unsigned seed, bool mounts)
        : directory_(std::move(directory)), random_(seed), mounts_(mounts) {}

    void one_change() {
        const std::string at = somewhere();
        const std::string other = somewhere();
        switch (random_() % (mounts_ ? 12 : 10)) {
            case 0:
            case 1:
                write(at, O_CREAT);
                break;
            case 2:
                write(other + ".new", O_CREAT);
                (void)::rename((other + ".new").c_str(), at.c_str());
                break;
            case 3: {
                std::error_code ignored;
                if (!mounts_)
                    fs::remove_all(at, ignored);
                else
                    (void)(::unlink(at.c_str()) < 0 && ::rmdir(at.c_str()));
                break;
            }
            case 4:
            case 5:
                (void)::mkdir(at.c_str(), 0755);
                break;
            case 6:
                (void)::renameat2(AT_FDCWD, at.c_str(), AT_FDCWD, other.c_str(),
                                  random_() % 2 == 0 ? RENAME_EXCHANGE : 0);
                break;
            case 7:
                (void)::symlink(places.at(random_() % places.size()), at.c_str());
                break;
            case 8:
                (void)::link(at.c_str(), other.c_str());
                write(other, 0);
                break;
            case 9:
                (void)::chmod(at.c_str(), random_() % 2 == 0 ? 0755 : 0700);
                break;
            case 10:
                (void)::mount(other.c_str(), at.c_str(), nullptr, MS_BIND, nullptr);
                break;
            default:
                (void)::umount2(at.c_str(), MNT_DETACH);
                break;
        }
    }

  private:
    std::string somewhere() { return directory_ + places.at(random_() % places.size()); }

    void write(const std::string& path, int flags) {
        const Fd fd(::open(path.c_str(), flags | O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0644));
        const std::string content = std::to_string(random_());
        // Of a tenant, who may give them further names.
        if (fd && ::fchown(fd.get(), 1000, 1000) == 0 && random_() % 2 == 0)
            (void)(::write(fd.get(), content.data(), content.size()) == 0);
    }

    std::string directory_;
    std::mt19937 random_;
    bool mounts_;
};

class Observer {
  public:
    explicit Observer(const std::string& directory)
        : root_(*host::Sysroot::open(directory)), watcher_(*Watcher::make(loop_, root_, [this](const Event&) {
              ++events_;
              look();
          })) {
        look();
    }

    void look() {
        host::Footprint footprint;
        do {
            footprint = {};
            root_.record(&footprint);
            view_ = now();
            root_.record(nullptr);
            ++looks_;
        } while (watcher_.watch(0, footprint));
    }

    // Everything it looks at, in one text.
    [[nodiscard]] std::string now() const {
        std::string out;
        for (const char* path : looked_at) {
            const auto text = root_.read(path);
            const auto st = root_.lstat(path);
            out += std::string(path) + ": " + (text ? *text : std::to_string(text.error().sys_errno)) + " " +
                   std::to_string(st ? st->st_mode : 0U) + "\n";
        }
        for (const char* path : listed) {
            const auto entries = root_.list(path);
            out += std::string(path) + ":";
            for (const auto& e : entries.value_or(std::vector<host::DirEntry>{}))
                out += " " + e.name;
            out += "\n";
        }
        return out;
    }

    // Until nothing happened for longer than anything is put off.
    void settle() {
        while (loop_.turn(milliseconds{250}).value_or(false)) {
        }
    }

    void turn() { (void)loop_.turn(milliseconds{1}); }

    [[nodiscard]] const std::string& view() const { return view_; }

    [[nodiscard]] std::size_t events() const { return events_; }

    [[nodiscard]] std::size_t looks() const { return looks_; }

  private:
    bus::EventLoop loop_ = *bus::EventLoop::make();
    host::Sysroot root_;
    std::string view_{};
    std::size_t events_{0};
    std::size_t looks_{0};
    Watcher watcher_;
};

// `rounds` times so many changes, and then a quiet moment to compare.
void chase(const std::string& directory, unsigned seed, bool mounts, int rounds) {
    Observer observer(directory);
    Vandal vandal(directory, seed, mounts);
    for (int round = 0; round < rounds; ++round) {
        std::atomic<bool> done{false};
        std::thread thread([&] {
            for (int i = 0; i < 1 + round * 7 % 120; ++i)
                vandal.one_change();
            done = true;
        });
        while (!done)
            observer.turn();
        thread.join();
        observer.settle();
        ASSERT_EQ(observer.view(), observer.now()) << "seed " << seed << ", round " << round;
    }
    EXPECT_GT(observer.events(), static_cast<std::size_t>(rounds / 2));
    ::testing::Test::RecordProperty("looks", static_cast<int>(observer.looks()));
}

class WatcherChase : public ::testing::TestWithParam<unsigned> {};

TEST_P(WatcherChase, TheLastViewIsTheTruth) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to give files to a tenant";
    const tests::Tree tree;
    chase(tree.path().parent_path().string(), GetParam(), false, 12);
}

TEST_P(WatcherChase, TheLastViewIsTheTruthWithMounts) {
    const tests::Tree tree;
    tests::in_own_mounts([&] { chase(tree.path().parent_path().string(), GetParam(), true, 12); });
}

INSTANTIATE_TEST_SUITE_P(Seeds, WatcherChase, ::testing::Range(1U, 5U));

}  // namespace
}  // namespace plimsoll::daemon
