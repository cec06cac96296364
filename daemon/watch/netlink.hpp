// SPDX-License-Identifier: Apache-2.0
// What the kernel announces to everybody who joined a netlink group (netlink(7)).
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace plimsoll::daemon {

// A socket that has joined `groups`, one bit each. `what` is for messages: "the process connector".
// Code::permission where a group takes a capability, Code::unsupported where the kernel has no such protocol.
[[nodiscard]] Result<Fd> join_netlink(int protocol, std::uint32_t groups, std::string_view what);

// The next datagram of the kernel itself, in `buffer`, without waiting; what others send is passed over.
// nullopt: none is left. Code::busy: more came than could be kept, some are lost.
[[nodiscard]] Result<std::optional<std::string_view>> next_from_kernel(const Fd& socket,
                                                                       std::span<char> buffer);

}  // namespace plimsoll::daemon
