// SPDX-License-Identifier: Apache-2.0
// The tables of plimsoll.db. Part of the store.
#pragma once

namespace plimsoll::daemon::schema {

inline constexpr int version = 1;                            // PRAGMA user_version
inline constexpr const char* application_id = "1349282157";  // "Plim"

// Nobody else opens it while the daemon runs, so no shared memory file is needed that could be cut short
// under us. What a power cut may lose are the last transitions; what changed on the host is in the journal.
inline constexpr const char* pragmas =
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-512; PRAGMA mmap_size=0; PRAGMA cell_size_check=ON;"
    "PRAGMA journal_size_limit=8388608;";

// Times are seconds, instants microseconds since 1970; statuses, severities and lines are the numbers of
// their enumerators; NULL stands for "none".
inline constexpr const char* create =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;"
    "CREATE TABLE finding(control TEXT, subject TEXT, status INTEGER NOT NULL, severity INTEGER NOT NULL,"
    " message TEXT NOT NULL, since INTEGER NOT NULL, cursor INTEGER NOT NULL, out_since INTEGER,"
    " PRIMARY KEY(control, subject)) WITHOUT ROWID, STRICT;"
    "CREATE TABLE transition(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, control TEXT NOT NULL,"
    " subject TEXT NOT NULL, from_status INTEGER, to_status INTEGER, severity INTEGER NOT NULL,"
    " message TEXT NOT NULL, cause TEXT NOT NULL, announced INTEGER NOT NULL, healed_by TEXT NOT NULL,"
    " out_for INTEGER, journal_entry INTEGER NOT NULL) STRICT;"
    "CREATE TABLE contest(control TEXT, subject TEXT, since INTEGER NOT NULL, reverts INTEGER NOT NULL,"
    " writer TEXT NOT NULL, PRIMARY KEY(control, subject)) WITHOUT ROWID, STRICT;"
    "CREATE TABLE exception(control TEXT NOT NULL, subject TEXT NOT NULL, owner TEXT NOT NULL,"
    " reason TEXT NOT NULL, expires INTEGER NOT NULL, origin TEXT NOT NULL) STRICT;"
    "PRAGMA application_id=1349282157;"
    "PRAGMA user_version=1;"
    "COMMIT;";

}  // namespace plimsoll::daemon::schema
