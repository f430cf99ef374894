"""The intake: everything fetched is checked, landed and loaded, with a record of what became of each unit."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from pipelines import intake as module
from pipelines.intake import Tally
from pipelines.resources import Fetched, Outcome, PollHeader, Rows, Unit
from pipelines.scrub import MASK, Scrubber
from pipelines.sources.ops import API_REQUESTS, POLLS, QUARANTINE, SYNC_LOG
from pipelines.sources.twitch import FOLLOWERS, GAMES
from pipelines.tables import Table
from tests.helpers import NOW, answer, columns_of
from tests.pipelines.conftest import Parts

NAIVE = NOW.replace(tzinfo=None)
EARLIER = NOW - dt.timedelta(days=1)


def games(*ids: Any, at: dt.datetime = NOW) -> Fetched:
    rows = [{"id": one, "name": f"Game {one}"} for one in ids]
    return Fetched(rows=[Rows(GAMES, rows, answer(at=at))], outcomes=[Outcome(str(one), "ok", 1) for one in ids])


def landed(parts: Parts, table: Table) -> list[dict[str, Any]]:
    found = parts.landing.read(parts.landing.batches(), [table])
    return found[table].to_pylist() if found else []


def request_row(number: int) -> dict[str, Any]:
    return {
        "request_id": f"run-twitch-{number:06}", "run_id": "run", "source": "twitch", "resource": "games",
        "endpoint": "/games", "status_code": 200, "is_success": True, "attempts": 1, "rate_limited": 0,
        "started_at": NAIVE, "seconds": 0.1, "bytes": 10, "error": None,
    }  # fmt: skip


def test_what_was_taken_is_counted_landed_loaded_and_removed_from_the_landing(parts: Parts) -> None:
    intake, tally = parts.intake(real=True), Tally()
    intake.log_request(request_row(1))
    intake.take("twitch", "games", games("1", "2", 3), {}, tally)
    intake.take("twitch", "games", games("2"), {}, tally)
    assert intake.commit(tally) == 2
    assert (tally.rows_received, tally.rows_quarantined, tally.rows_loaded) == (4, 1, 2)
    assert columns_of(parts.warehouse, "raw_twitch.games", ["id"], "1") == [("1",), ("2",)]
    assert columns_of(parts.warehouse, "raw_ops.quarantine", ["resource", "payload"], "1") == [
        ("games", '{"id":3,"name":"Game 3"}')
    ]
    assert columns_of(parts.warehouse, "raw_ops.sync_log", ["unit_id", "status"], "1") == [
        ("1", "ok"), ("2", "ok"), ("3", "ok"),
    ]  # fmt: skip
    assert columns_of(parts.warehouse, "raw_ops.api_requests", ["request_id"], "1") == [("run-twitch-000001",)]
    assert parts.landing.batches() == []
    assert intake.commit(tally) == 0 and tally.rows_loaded == 2
    parts_of_it = {"": Tally(rows_received=5, rows_quarantined=1, rows_loaded=1)}
    assert intake.commit(parts_of_it) == 0 and parts_of_it[""].rows_known == 3


def test_a_bad_row_costs_the_good_ones_nothing_and_new_fields_are_named(parts: Parts) -> None:
    intake, tally = parts.intake(), Tally()
    rows = [{"id": "1", "name": "a", "new": 1}, None, {"id": "2"}, {"id": "3", "name": "c\x00"}]
    intake.take("twitch", "games", Fetched(rows=[Rows(GAMES, rows, answer())]), {}, tally)
    intake.flush()
    assert [(row["id"], row["_extra"]) for row in landed(parts, GAMES)] == [("1", '{"new":1}')]
    assert [json.loads(row["payload"]) for row in landed(parts, QUARANTINE)] == rows[1:]
    assert tally.unknown_fields == {"new"} and tally.rows_quarantined == 3


def test_rows_belong_to_the_slot_of_their_answer_unless_a_poll_says_which(parts: Parts) -> None:
    intake = parts.intake()
    at, slot_at = NOW + dt.timedelta(minutes=9, seconds=59), NOW + dt.timedelta(minutes=5)
    rows = [{"broadcaster_id": "1", "total": 1}], [{"broadcaster_id": "2", "total": 2}]
    fetched = Fetched(rows=[Rows(FOLLOWERS, rows[0], answer(at=at)), Rows(FOLLOWERS, rows[1], answer(at=at), NOW)])
    intake.take("twitch", "followers", fetched, {}, Tally())
    intake.flush()
    slots = {row["broadcaster_id"]: row["slot_at"] for row in landed(parts, FOLLOWERS)}
    assert slots == {"1": slot_at.replace(tzinfo=None), "2": NAIVE}


def test_an_outcome_says_what_was_achieved_and_forgets_nothing_that_was(parts: Parts) -> None:
    unit = Unit("u", last_success_at=EARLIER, synced_until=EARLIER, failures=2)
    intake, tally = parts.intake(), Tally()

    def after(outcome: Outcome) -> dict[str, Any]:
        intake.take("twitch", "clips", Fetched(outcomes=[outcome]), {"u": unit}, tally)
        intake.flush()
        return landed(parts, SYNC_LOG)[-1]

    failed = after(Outcome("u", "failed", message="HTTP 500"))
    assert (failed["last_attempt_at"], failed["last_success_at"]) == (NAIVE, EARLIER.replace(tzinfo=None))
    assert (failed["synced_until"], failed["failures"]) == (EARLIER.replace(tzinfo=None), 3)
    assert failed["message"] == "HTTP 500"
    reached = after(Outcome("u", "ok", 7, synced_until=NOW))
    assert (reached["last_success_at"], reached["synced_until"]) == (NAIVE, NAIVE)
    assert (reached["failures"], reached["rows"], reached["message"]) == (0, 7, None)
    back = after(Outcome("u", "truncated", synced_until=NOW - dt.timedelta(days=9)))
    assert back["synced_until"] == EARLIER.replace(tzinfo=None), "a period in the past takes nothing back"
    absent = after(Outcome("u", "absent"))
    assert (absent["last_success_at"], absent["status"], absent["failures"]) == (NAIVE, "absent", 0)
    assert (tally.units_succeeded, tally.units_absent, tally.units_failed) == (3, 1, 1)
    assert tally.last_failure == "HTTP 500"


def test_a_unit_that_is_new_has_no_past(parts: Parts) -> None:
    intake = parts.intake()
    intake.take("twitch", "games", Fetched(outcomes=[Outcome("new", "failed", message="no")]), {}, Tally())
    intake.flush()
    (row,) = landed(parts, SYNC_LOG)
    assert (row["last_success_at"], row["synced_until"], row["failures"]) == (None, None, 1)


def test_messages_are_kept_without_secrets(parts: Parts) -> None:
    intake = parts.intake(scrubber=Scrubber(["hidden"]))
    intake.take("twitch", "games", Fetched(outcomes=[Outcome("1", "failed", message="key=hidden")]), {}, Tally())
    intake.flush()
    assert landed(parts, SYNC_LOG)[0]["message"] == f"key={MASK}"


def test_rows_land_at_least_once_a_second_and_polls_at_once(parts: Parts) -> None:
    intake = parts.intake()
    intake.take("twitch", "games", games("1"), {}, Tally())
    assert parts.landing.batches() == []
    parts.clock.advance(module.FLUSH_SECONDS)
    intake.take("twitch", "games", games("2"), {}, Tally())
    assert len(parts.landing.batches()) == 1
    header = PollHeader(NOW, "top", NOW, NOW, 1, 0, is_complete=False, is_exhaustive=True)
    intake.take("twitch", "streams", Fetched(polls=[header]), {}, Tally())
    assert len(parts.landing.batches()) == 2
    (poll,) = landed(parts, POLLS)
    assert (poll["scope"], poll["pages"], poll["is_complete"], poll["is_exhaustive"]) == ("top", 1, False, True)


def test_rows_and_what_they_achieved_land_in_one_batch(parts: Parts) -> None:
    intake = parts.intake()
    intake.log_request(request_row(1))
    intake.take("twitch", "games", games("1", 2), {}, Tally())
    intake.flush()
    (batch,) = parts.landing.batches()
    found = parts.landing.read([batch], [GAMES, QUARANTINE, SYNC_LOG, API_REQUESTS])
    assert {table.name: rows.num_rows for table, rows in found.items()} == {
        "games": 1, "quarantine": 1, "sync_log": 2, "api_requests": 1,
    }  # fmt: skip


def test_a_chunk_is_full_by_its_units_or_its_rows(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    intake = parts.intake(chunk_units=3)
    intake.take("twitch", "games", games("1", "2"), {}, Tally())
    assert not intake.chunk_is_full()
    intake.take("twitch", "games", games("3"), {}, Tally())
    assert intake.chunk_is_full()
    monkeypatch.setattr(module, "CHUNK_ROWS", 2)
    many = parts.intake()
    many.take("twitch", "games", Fetched(rows=[Rows(GAMES, [{"id": "4", "name": ""}] * 2, answer())]), {}, Tally())
    assert many.chunk_is_full()


def test_a_chunk_is_full_by_the_bytes_that_have_landed(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 1000)
    intake = parts.intake()
    intake.take("twitch", "games", games("1"), {}, Tally())
    intake.flush()
    assert not intake.chunk_is_full()
    intake.take(
        "twitch", "games", Fetched(rows=[Rows(GAMES, [{"id": "2", "name": "x" * 1000}], answer())]), {}, Tally()
    )
    intake.flush()
    assert intake.chunk_is_full()
    intake.commit()
    assert not intake.chunk_is_full()


def test_what_a_killed_run_had_landed_is_loaded_by_the_next_once(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECOVERY_BATCHES", 2)
    killed = parts.intake()
    for number in range(3):
        killed.take("twitch", "games", games("1", str(number)), {}, Tally())
        killed.flush()
    again = parts.again()
    assert again.intake().recover() == 8, "the first two batches hold two games and two units, and so does the third"
    assert {row["id"] for row in again.memory.rows(GAMES)} == {"0", "1", "2"}
    assert again.memory.aborted == {"twitch", "ops"}, "what was left half-loaded does not stand in the way"
    assert again.landing.batches() == [] and again.intake().recover() == 0


def test_a_chunk_that_was_loaded_and_not_yet_removed_counts_once(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = parts.intake()
    killed.take("twitch", "games", games("1"), {}, Tally())

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(parts.landing, "discard", die)
    with pytest.raises(KeyboardInterrupt):
        killed.commit()
    again = parts.again()
    assert again.intake().recover() == 2 and again.memory.loads == 2
    assert [row["id"] for row in again.memory.rows(GAMES)] == ["1"]
