// SPDX-License-Identifier: Apache-2.0
// What a fallible function returns: a value, or an Error a caller can decide on.
#pragma once
#include <cerrno>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace plimsoll {

// Only distinctions a caller acts on. Anything else is `internal`.
enum class Code {
    invalid_input,  // content that somebody wrote is wrong; the message names the place
    not_found,      // ENOENT, ENOTDIR
    permission,     // EACCES, EPERM, EROFS
    busy,           // locked, changed while read, or taken meanwhile: try again
    unsupported,    // this kernel, tree or build cannot do it
    integrity,      // a record or file is not what it must be (wrong type, bad checksum)
    io,             // the device or kernel failed (EIO, ENOSPC, …)
    internal,       // a mistake of ours
};

struct Where {  // origin of an error, for -v output
    const char* file{""};
    int line{0};

    static constexpr Where here(const char* f = __builtin_FILE(), int l = __builtin_LINE()) { return {f, l}; }
};

struct Error {
    Code code{Code::internal};
    int sys_errno{0};
    std::string message;  // outermost context first: "read /etc/subuid: not a regular file"
    Where where{};

    [[nodiscard]] Error context(std::string_view what) && {
        message.insert(0, std::string(what) + ": ");
        return std::move(*this);
    }
};

template <class T>
using Result = std::expected<T, Error>;
using Failure = std::unexpected<Error>;

[[nodiscard]] inline Failure fail(Code c, std::string msg, Where w = Where::here()) {
    return Failure(Error{c, 0, std::move(msg), w});
}

[[nodiscard]] inline Code code_of(int e) {
    switch (e) {
        case ENOENT:
        case ENOTDIR:
            return Code::not_found;
        case EACCES:
        case EPERM:
        case EROFS:
            return Code::permission;
        case EBUSY:
        case EAGAIN:
        case ETXTBSY:
            return Code::busy;
        case EINVAL:
        case EXDEV:
        case ELOOP:
        case ENAMETOOLONG:
            return Code::invalid_input;
        case ENOSYS:
        case EOPNOTSUPP:
            return Code::unsupported;
        default:
            return Code::io;
    }
}

[[nodiscard]] inline Failure fail_errno(std::string_view what, int e = errno, Where w = Where::here()) {
    return Failure(Error{code_of(e), e, std::string(what) + ": " + std::generic_category().message(e), w});
}

// Propagate: PLIMSOLL_TRY(auto fd, root.open(p)); and PLIMSOLL_CHECK(root.write(p)); the only macros we have.
#define PLIMSOLL_CAT2(a, b) a##b
#define PLIMSOLL_CAT(a, b) PLIMSOLL_CAT2(a, b)
#define PLIMSOLL_TRY_(tmp, decl, expr)                      \
    auto tmp = (expr);                                      \
    if (!tmp)                                               \
        return ::plimsoll::Failure(std::move(tmp).error()); \
    decl = *std::move(tmp)
#define PLIMSOLL_TRY(decl, expr) PLIMSOLL_TRY_(PLIMSOLL_CAT(plimsoll_try_, __LINE__), decl, expr)
#define PLIMSOLL_CHECK(expr)                           \
    if (auto plimsoll_check = (expr); !plimsoll_check) \
    return ::plimsoll::Failure(std::move(plimsoll_check).error())

}  // namespace plimsoll
