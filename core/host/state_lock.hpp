// SPDX-License-Identifier: Apache-2.0
// Keeps two runs of ours from working in one state directory at the same time.
#pragma once
#include "core/base/fd.hpp"
#include "core/host/sysroot.hpp"

#include <cstdint>
#include <string>

namespace plimsoll::host {

class StateLock {
  public:
    // The file `name` in `state_dir` (a path of the root, which must exist) is locked (fcntl(2), by open file
    // description). It holds a number that every holder raises. Code::busy: another process holds it;
    // `holder` says who that must be: "another run of plimsoll is changing this host".
    [[nodiscard]] static Result<StateLock> take(const Sysroot& root, const std::string& state_dir,
                                                const std::string& name, std::string holder);

    // Until retake(), others may have it.
    void release();
    // True: somebody had it meanwhile. Code::busy as for take(); Code::not_found: the file was removed.
    [[nodiscard]] Result<bool> retake();

  private:
    StateLock(Fd fd, std::string path, std::string holder)
        : fd_(std::move(fd)), path_(std::move(path)), holder_(std::move(holder)) {}

    [[nodiscard]] Result<void> lock() const;
    // Raises the number. False: it was not the one that we left.
    [[nodiscard]] Result<bool> count();

    Fd fd_;
    std::string path_;
    std::string holder_;
    std::uint64_t number_{0};
};

}  // namespace plimsoll::host
