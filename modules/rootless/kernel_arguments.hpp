// SPDX-License-Identifier: Apache-2.0
// The kernel's command line as the next boot will have it, from the files of boot loaders and of what writes
// these (kernel-install(8), the Boot Loader Specification, GRUB, bootc).
#pragma once
#include "core/host/sysroot.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

struct KernelArgument {
    std::string text;    // "cgroup_disable=memory"
    std::string source;  // "FILE:LINE"
    bool operator==(const KernelArgument&) const = default;
};

struct KernelArguments {
    std::vector<KernelArgument> all{};
    std::vector<Error> problems{};
};

struct KernelParameter {
    std::string_view name;  // "cgroup_disable"
    bool adds_up{false};    // the kernel takes each of several; else the last
};

// Only those that are wanted; of one that a line has several times those that the kernel takes.
[[nodiscard]] KernelArguments read_kernel_arguments(const host::Sysroot& root,
                                                    std::span<const KernelParameter> wanted);

}  // namespace plimsoll::modules::rootless
