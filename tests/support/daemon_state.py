# SPDX-License-Identifier: Apache-2.0
"""What plimsolld leaves behind, judged: its journal and its database have to be whole whenever it is not running."""
import json
import sqlite3
import time


def wait_for(test, seconds, pause=0.0005):
    """How long it took until test() was true; None: it never was."""
    begin = time.monotonic()
    while not test():
        if time.monotonic() - begin > seconds:
            return None
        time.sleep(pause)
    return time.monotonic() - begin


def percentiles(seconds):
    """ "p50 1.2 ms, p99 3.4 ms, max 5.6 ms" """
    times = sorted(seconds)
    at = [times[min(len(times) - 1, len(times) * p // 100)] for p in (50, 99, 100)]
    return ", ".join(f"{name} {t * 1e3:.1f} ms" for name, t in zip(("p50", "p99", "max"), at))


def assert_consistent(case, journal, state, said):
    """`journal`: the output of `agentctl journal --json`; `state`: the state directory of a plimsolld that has ended.
    The entries, and how many transitions are remembered."""
    entries = json.loads(journal)["entries"]
    states = {step["state"] for entry in entries for step in entry["steps"]}
    case.assertLessEqual(states, {"done", "not-done"}, said)
    case.assertEqual([p.name for p in state.iterdir() if "corrupt" in p.name], [], said)
    with sqlite3.connect(state / "plimsoll.db") as db:
        case.assertEqual(db.execute("PRAGMA integrity_check").fetchone(), ("ok",), said)
        ids = [row[0] for row in db.execute("SELECT id FROM transition ORDER BY id")]
        case.assertEqual(ids, list(range(1, len(ids) + 1)), said)
        known = {entry["id"] for entry in entries}
        named = {row[0] for row in db.execute("SELECT journal_entry FROM transition WHERE healed_by <> ''")}
        case.assertLessEqual(named, known, said)
    db.close()
    return entries, len(ids)
