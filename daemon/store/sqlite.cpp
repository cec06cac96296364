// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/sqlite.hpp"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <sqlite3.h>

namespace plimsoll::daemon::sqlite {
namespace {

constexpr const char* vfs_name = "plimsoll";

Failure failure(sqlite3* db, int code) {
    const auto kind = [&] {
        switch (code & 0xff) {
            case SQLITE_CORRUPT:
            case SQLITE_NOTADB:
                return Code::integrity;
            case SQLITE_FULL:
            case SQLITE_IOERR:
            case SQLITE_NOMEM:
                return Code::io;
            case SQLITE_READONLY:
            case SQLITE_CANTOPEN:
            case SQLITE_PERM:
            case SQLITE_AUTH:
                return Code::permission;
            case SQLITE_BUSY:
            case SQLITE_LOCKED:
                return Code::busy;
            default:
                return Code::internal;
        }
    }();
    const char* message = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    return fail(kind, std::string("database: ") + message);
}

// SQLite's own would follow /proc/self/fd/N to a name, and what that name leads to may have changed.
int full_path_as_given(sqlite3_vfs*, const char* path, int size, char* out) {
    const std::size_t length = std::strlen(path);
    if (size <= 0 || length >= static_cast<std::size_t>(size))
        return SQLITE_CANTOPEN;
    std::memcpy(out, path, length + 1);
    return SQLITE_OK;
}

// The usual way to files but for full_path_as_given(). It opens with O_NOFOLLOW by itself.
const char* own_vfs() {
    static const bool made = [] {
        static sqlite3_vfs vfs;
        const sqlite3_vfs* usual = sqlite3_vfs_find("unix");
        if (usual == nullptr)
            return false;
        vfs = *usual;
        vfs.pNext = nullptr;
        vfs.zName = vfs_name;
        vfs.xFullPathname = full_path_as_given;
        return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
    }();
    return made ? vfs_name : nullptr;
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* s) const noexcept {
    (void)sqlite3_finalize(s);
}

void Database::Close::operator()(sqlite3* db) const noexcept {
    (void)sqlite3_close_v2(db);
}

void Statement::begin() {
    (void)sqlite3_reset(statement_.get());
    (void)sqlite3_clear_bindings(statement_.get());
}

void Statement::bind(int i, std::int64_t value) {
    (void)sqlite3_bind_int64(statement_.get(), i, value);
}

void Statement::bind(int i, const std::optional<std::int64_t>& value) {
    if (value)
        bind(i, *value);
}

void Statement::bind(int i, std::string_view value) {
    (void)sqlite3_bind_text64(statement_.get(), i, value.data() != nullptr ? value.data() : "", value.size(),
                              SQLITE_TRANSIENT, SQLITE_UTF8);
}

Failure Statement::failed() const {
    sqlite3* db = sqlite3_db_handle(statement_.get());
    return failure(db, sqlite3_extended_errcode(db));
}

Result<bool> Statement::step() {
    const int r = sqlite3_step(statement_.get());
    if (r == SQLITE_ROW)
        return true;
    if (r == SQLITE_DONE) {
        (void)sqlite3_reset(statement_.get());
        return false;
    }
    auto error = failed();
    (void)sqlite3_reset(statement_.get());
    return error;
}

Result<void> Statement::run() {
    for (;;) {
        PLIMSOLL_TRY(const bool row, step());
        if (!row)
            return {};
    }
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::optional<std::int64_t> Statement::maybe_integer(int column) const {
    if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL)
        return std::nullopt;
    return integer(column);
}

std::string Statement::text(int column) const {
    const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(std::max(size, 0)));
}

Result<Database> Database::open(Fd dir, const std::string& name) {
    const char* vfs = own_vfs();
    if (vfs == nullptr)
        return fail(Code::unsupported, "database: SQLite has no files here");
    // Made here so that nobody else may read it, whatever the umask.
    const Fd made(::openat(dir.get(), name.c_str(),
                           O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600));
    if (!made)
        return fail_errno("open " + name);
    const std::string path = "/proc/self/fd/" + std::to_string(dir.get()) + "/" + name;
    sqlite3* raw = nullptr;
    const int r = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);
    Database out(std::move(dir), raw);
    if (r != SQLITE_OK)
        return failure(raw, r);
    (void)sqlite3_extended_result_codes(raw, 1);
    (void)sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    (void)sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return out;
}

Result<void> Database::execute(const char* sql) const {
    const int r = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
    if (r != SQLITE_OK)
        return failure(db_.get(), sqlite3_extended_errcode(db_.get()));
    return {};
}

Result<Statement> Database::prepare(const char* sql) const {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr) != SQLITE_OK)
        return failure(db_.get(), sqlite3_extended_errcode(db_.get()));
    return Statement(raw);
}

Result<std::string> Database::ask(const char* sql) const {
    PLIMSOLL_TRY(auto statement, prepare(sql));
    PLIMSOLL_TRY(const bool row, statement.step());
    return row ? statement.text(0) : "";
}

}  // namespace plimsoll::daemon::sqlite
