// SPDX-License-Identifier: Apache-2.0
// As much of SQLite as the store needs, with Result for errors. Code::integrity: the file is damaged or no
// database; Code::io: the disk is full or fails; Code::permission: it cannot be written.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace plimsoll::daemon::sqlite {

class Statement {
  public:
    Statement() = default;

    // Begins anew with these values for ?1, ?2 …
    template <class... Values>
    Statement& with(const Values&... values) {
        begin();
        int i = 0;
        (bind(++i, values), ...);
        return *this;
    }

    // True: there is a row.
    [[nodiscard]] Result<bool> step();
    // To its end.
    [[nodiscard]] Result<void> run();

    // Of the row, columns from 0.
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::optional<std::int64_t> maybe_integer(int column) const;
    [[nodiscard]] std::string text(int column) const;

  private:
    friend class Database;

    struct Finalize {
        void operator()(sqlite3_stmt* s) const noexcept;
    };

    explicit Statement(sqlite3_stmt* s) : statement_(s) {}

    void begin();
    void bind(int i, std::int64_t value);
    void bind(int i, const std::optional<std::int64_t>& value);
    void bind(int i, std::string_view value);
    [[nodiscard]] Failure failed() const;

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
  public:
    // The file `name` in the directory `dir`, which is the one that is open whatever its name leads to by
    // now; neither is a symlink followed. Made when missing.
    [[nodiscard]] static Result<Database> open(Fd dir, const std::string& name);

    [[nodiscard]] Result<void> execute(const char* sql) const;
    [[nodiscard]] Result<Statement> prepare(const char* sql) const;
    // The first column of the first row.
    [[nodiscard]] Result<std::string> ask(const char* sql) const;

  private:
    struct Close {
        void operator()(sqlite3* db) const noexcept;
    };

    Database(Fd dir, sqlite3* db) : dir_(std::move(dir)), db_(db) {}

    Fd dir_;
    std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace plimsoll::daemon::sqlite
