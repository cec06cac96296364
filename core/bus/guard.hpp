// SPDX-License-Identifier: Apache-2.0
// Where exceptions of sdbus-c++ become errors.
#pragma once
#include "core/bus/compat.hpp"
#include "core/bus/errors.hpp"

#include <exception>
#include <string>
#include <type_traits>

namespace plimsoll::bus {

// What `f` gives, or why it threw: "WHAT: the bus's message".
template <class F>
auto guarded(const std::string& what, F&& f) -> Result<decltype(f())> {
    try {
        if constexpr (std::is_void_v<decltype(f())>) {
            f();
            return {};
        } else {
            return f();
        }
    } catch (const sdbus::Error& e) {
        return fail(code_of_name(std::string(e.getName())), what + ": " + e.getMessage());
    } catch (const std::exception& e) {
        return fail(Code::internal, what + ": " + e.what());
    }
}

}  // namespace plimsoll::bus
