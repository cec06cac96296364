// SPDX-License-Identifier: Apache-2.0
// One open directory of the host, for readers of many files of it: what is named is one component, so the way
// to it is resolved once.
#pragma once
#include "core/host/sysroot.hpp"

namespace plimsoll::host {

class Directory {
  public:
    [[nodiscard]] static Result<Directory> open(const Sysroot& root, std::string path);

    [[nodiscard]] const std::string& path() const { return path_; }

    // Sorted by name, without "." and "..".
    [[nodiscard]] Result<std::vector<DirEntry>> list() const;

    // The content of an entry that list() gave as DT_REG, under the conditions of Sysroot::read(). A symlink
    // or FIFO that took its place meanwhile is Code::integrity.
    [[nodiscard]] Result<std::string> read_regular(const std::string& name,
                                                   std::size_t max = Sysroot::default_max) const;

    // A file that the kernel makes at the moment of reading, below /proc/PID: neither its type nor a size is
    // looked at. `whole`: the kernel gives it all at once (single_open()), so a read that does not fill the
    // buffer is the last.
    [[nodiscard]] Result<std::string> read_kernel(const std::string& name, std::size_t max, bool whole) const;

    // Code::not_found also for a link without a target, as /proc/PID/exe of a kernel thread is.
    [[nodiscard]] Result<std::string> read_link(const std::string& name) const;

  private:
    Directory(Fd fd, std::string path, const Sysroot& root)
        : fd_(std::move(fd)), path_(std::move(path)), recorder_(root.recorder_), memory_(root.memory_) {}

    [[nodiscard]] Result<std::string> read_now(const std::string& name, const std::string& path,
                                               std::size_t max) const;
    [[nodiscard]] Result<Fd> open_entry(const std::string& name) const;

    [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + "/" + name; }

    Fd fd_;
    std::string path_;
    std::shared_ptr<const Sysroot::Recorder> recorder_;
    std::shared_ptr<Sysroot::Memory> memory_;
};

}  // namespace plimsoll::host
