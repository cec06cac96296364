// SPDX-License-Identifier: Apache-2.0
// The kernel's command line as the next boot will have it, from the files of boot loaders and of what writes
// these (kernel-install(8), the Boot Loader Specification, GRUB, bootc).
#pragma once
#include "core/host/sysroot.hpp"

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

// Only those whose names are wanted; of a name that a line has several times, the last.
[[nodiscard]] KernelArguments read_kernel_arguments(const host::Sysroot& root,
                                                    const std::vector<std::string_view>& names);

}  // namespace plimsoll::modules::rootless
