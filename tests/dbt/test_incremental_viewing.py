"""Histories of viewing that builds by what is new must end like full ones, table by table, on both engines."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.dbt.live import VIEWING
from tests.dbt.twin import Twin
from tests.dbt.warehouse import Row

DAY = dt.date(2026, 10, 1)


def at(clock: str, day: int = 1) -> dt.datetime:
    """A time of day in October 2026."""
    return dt.datetime.combine(DAY.replace(day=day), dt.time.fromisoformat(clock))


def stream(slot: dt.datetime, stream_id: str = "a", channel: str = "1", viewers: int = 100, **fields: Any) -> Row:
    """A broadcast in one slot, answered two seconds into it."""
    return {
        "slot_at": slot,
        "id": stream_id,
        "user_id": channel,
        "user_login": f"login{channel}",
        "user_name": f"Login{channel}",
        "game_id": "games",
        "game_name": "Games",
        "title": "a title",
        "language": "en",
        "viewer_count": viewers,
        "started_at": at("11:30"),
        "fetched_at": slot + dt.timedelta(seconds=2),
        **fields,
    }


def broadcast(slot: dt.datetime, **fields: Any) -> Row:
    """A broadcast on YouTube in one slot."""
    return {
        "slot_at": slot,
        "id": "y",
        "channel_id": "UC1",
        "channel_title": "Tube",
        "category_id": "20",
        "live_broadcast_content": "live",
        "actual_start_time": at("11:30"),
        "concurrent_viewers": 50,
        "fetched_at": slot + dt.timedelta(seconds=3),
        **fields,
    }


class History:
    """A warehouse whose models are built after each load, by what is new, and compared with full builds."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self.warehouse = twin.warehouse
        self._now = at("12:00")

    def load(self, **rows: list[Row]) -> None:
        """Rows of raw tables, named schema__table, as loads that complete one after the other."""
        for name, table_rows in rows.items():
            self._now += dt.timedelta(seconds=1)
            self.warehouse.load(self._now, {name.replace("__", ".", 1): table_rows})

    def poll(
        self,
        slot: dt.datetime,
        *listed: Row,
        complete: bool = True,
        now: dt.datetime | None = None,
        source: str = "twitch",
        resource: str = "streams",
    ) -> None:
        """A poll of the list of streams, with its header and the clock, and a build of what is new."""
        header = {
            "slot_at": slot,
            "source": source,
            "resource": resource,
            "scope": "top",
            "started_at": slot,
            "finished_at": slot + dt.timedelta(seconds=9),
            "is_complete": complete,
        }
        if listed:
            tables = {"twitch": "raw_twitch__streams", "youtube": "raw_youtube__videos"}
            self.load(**{tables[source]: list(listed)})
        self.load(raw_ops__polls=[header], raw_ops__clock=[{"clock_id": 1, "now_at": now or slot}])
        self.build()

    def build(self) -> None:
        self._twin.build(*VIEWING, "int_live__stream_intervals")

    def column(self, name: str, column: str, where: str = "true") -> list[Any]:
        """The values of a column of a mart."""
        return sorted(value for (value,) in self.warehouse.execute(f"select {column} from live.{name} where {where}"))

    def must_equal_a_full_build(self) -> None:
        """Every table, the view of intervals and every column; reports follow from them, whole."""
        assert self._twin.differences() == {}


@pytest.fixture
def history(twin: Twin) -> History:
    return History(twin)


def test_an_earlier_slot_is_replayed_alone_after_its_broadcast_ended(history: History) -> None:
    history.poll(at("12:00"), stream(at("12:00")))
    history.poll(at("12:10"), stream(at("12:10"), viewers=300))
    history.poll(at("12:15"))
    before = history.column("fct_streams", "airtime_seconds")
    history.load(raw_twitch__streams=[stream(at("12:05"), viewers=900)])
    history.build()
    assert history.column("fct_streams", "airtime_seconds") == before
    assert history.column("fct_streams", "peak_viewers") == [900]
    history.must_equal_a_full_build()


def test_slots_before_the_first_and_after_the_end_are_replayed(history: History) -> None:
    history.poll(at("12:10"), stream(at("12:10")), stream(at("12:10"), "b", "2"))
    history.poll(at("12:15"), stream(at("12:15"), "b", "2"))
    history.poll(at("12:30"), stream(at("12:30"), "b", "2"))
    history.load(raw_twitch__streams=[stream(at("12:05")), stream(at("12:25"))])
    history.build()
    assert history.column("fct_streams", "closed_slot_at", "stream_id = 'a'") == [at("12:30")]
    history.must_equal_a_full_build()


def test_a_second_poll_breaks_off_and_overwrites_the_complete_one_that_ended_a_broadcast(history: History) -> None:
    history.poll(at("12:00"), stream(at("12:00")), stream(at("12:00"), "b", "2"))
    history.poll(at("12:05"), stream(at("12:05"), "b", "2"))
    assert history.column("fct_streams", "is_live", "stream_id = 'a'") == [False]
    history.poll(at("12:05"), stream(at("12:05"), "b", "2"), complete=False)
    assert history.column("fct_streams", "is_live", "stream_id = 'a'") == [True]
    history.must_equal_a_full_build()
    # a later one that is complete ends it after all, and then the one that broke off is read to its end
    history.poll(at("12:10"), stream(at("12:10"), "b", "2"))
    assert history.column("fct_streams", "closed_slot_at", "stream_id = 'a'") == [at("12:10")]
    history.poll(at("12:05"))
    assert history.column("fct_streams", "closed_slot_at", "stream_id = 'a'") == [at("12:05")]
    history.must_equal_a_full_build()


def test_a_second_poll_in_a_slot_moves_the_start_past_midnight(history: History) -> None:
    first = stream(at("00:05", 2), started_at=at("23:05"))
    history.poll(at("00:05", 2), first)
    assert history.column("fct_channel_days", "day") == [DAY, DAY.replace(day=2)]
    history.poll(at("00:05", 2), {**first, "started_at": at("00:01", 2)})
    assert history.column("fct_channel_days", "day") == [DAY.replace(day=2)]
    assert history.column("fct_category_days", "airtime_seconds") == [242 + 150]
    history.must_equal_a_full_build()


def test_the_channel_of_a_broadcast_changes(history: History) -> None:
    history.poll(at("12:00"), stream(at("12:00")), stream(at("12:00"), "b", "2", started_at=at("11:00")))
    history.poll(at("12:05"), stream(at("12:05")))
    history.poll(at("12:10"), stream(at("12:10"), channel="2"))
    assert history.column("fct_stream_sessions", "channel_id") == ["2"]
    assert history.column("fct_stream_sessions", "stream_count") == [2]
    history.must_equal_a_full_build()
    # and back, by reading the same slot once more
    history.poll(at("12:10"), stream(at("12:10")))
    assert history.column("fct_stream_sessions", "channel_id") == ["1", "2"]
    history.must_equal_a_full_build()


def test_a_broadcast_on_youtube_ends_between_two_runs_of_one_slot(history: History) -> None:
    youtube = {"source": "youtube", "resource": "videos"}
    history.poll(at("12:00"), broadcast(at("12:00")), **youtube)
    history.poll(at("12:05"), broadcast(at("12:05")), broadcast(at("12:05"), id="z", channel_id="UC2"), **youtube)
    over = {"live_broadcast_content": "none", "actual_end_time": at("12:07"), "concurrent_viewers": None}
    history.poll(
        at("12:05"), broadcast(at("12:05"), **over), broadcast(at("12:05"), id="z", channel_id="UC2", **over), **youtube
    )
    assert history.column("fct_stream_snapshots", "slot_at") == [at("12:00")]
    assert history.column("fct_streams", "stream_id") == ["y"]
    assert history.column("fct_streams", "closed_slot_at") == [at("12:05")]
    history.must_equal_a_full_build()


def test_consecutive_snapshots_vanish_and_come_back(history: History) -> None:
    youtube = {"source": "youtube", "resource": "videos"}
    over = {"live_broadcast_content": "none", "actual_end_time": at("12:07"), "concurrent_viewers": None}
    for minute in range(0, 25, 5):
        history.poll(at(f"12:{minute:02}"), broadcast(at(f"12:{minute:02}")), **youtube)
    history.load(raw_youtube__videos=[broadcast(at("12:05"), **over), broadcast(at("12:10"), **over)])
    history.build()
    assert history.column("fct_streams", "snapshot_count") == [3]
    history.must_equal_a_full_build()
    history.load(raw_youtube__videos=[broadcast(at("12:00"), **over), broadcast(at("12:20"), **over)])
    history.build()
    history.must_equal_a_full_build()
    history.load(raw_youtube__videos=[broadcast(at("12:05")), broadcast(at("12:20"))])
    history.build()
    assert history.column("fct_streams", "snapshot_count") == [3]
    history.must_equal_a_full_build()


def test_the_clock_is_set_back_by_two_hours_between_two_runs(history: History) -> None:
    history.poll(at("14:00"), stream(at("14:00")), now=at("14:00"))
    history._now -= dt.timedelta(hours=2)
    history.poll(at("12:00"), stream(at("12:00")), stream(at("12:00"), "b", "2"), now=at("12:00"))
    assert history.column("fct_stream_snapshots", "slot_at") == [at("12:00"), at("12:00"), at("14:00")]
    history.must_equal_a_full_build()


def test_categories_of_youtube_that_are_read_again_unchanged_cost_nothing(history: History) -> None:
    youtube = {"source": "youtube", "resource": "videos"}
    categories = [{"id": "20", "title": "Gaming"}]
    history.load(raw_youtube__categories=categories)
    history.poll(at("12:00"), broadcast(at("12:00")), **youtube)

    def told() -> int:
        ((count,),) = history.warehouse.execute("select count(*) from builds.fct_stream_snapshots__changes")
        return int(count)

    before = told()
    history.load(raw_youtube__categories=categories)
    history.build()
    assert told() == before
    # and a name that did change reaches all snapshots that have it
    history.load(raw_youtube__categories=[{"id": "20", "title": "Games"}])
    history.build()
    assert told() == before + 1
    assert history.column("fct_streams", "last_category_name") == ["Games"]
    history.must_equal_a_full_build()


def test_the_category_changes_in_the_slot(history: History) -> None:
    history.poll(at("12:00"), stream(at("12:00")))
    history.poll(at("12:05"), stream(at("12:05")))
    history.poll(at("12:05"), stream(at("12:05"), game_id="other", game_name="Other"))
    assert history.column("fct_category_days", "category_id") == ["games", "other"]
    history.must_equal_a_full_build()
    history.poll(at("12:05"), stream(at("12:05")))
    assert history.column("fct_category_days", "category_id") == ["games"]
    history.must_equal_a_full_build()


def test_sessions_join_and_part_as_broadcasts_are_told_of(history: History) -> None:
    starts = {"a": "10:00", "b": "12:00", "c": "14:00"}
    for stream_id, start in starts.items():
        history.poll(at(start), stream(at(start), stream_id, started_at=at(start)))
    assert history.column("fct_stream_sessions", "stream_count") == [1, 1, 1]
    # what was between them comes late: one session of all
    between = {"10:05": "a", "11:55": "a", "12:05": "b", "13:50": "b"}
    for slot, stream_id in between.items():
        history.load(raw_twitch__streams=[stream(at(slot), stream_id, started_at=at(starts[stream_id]))])
    history.build()
    assert history.column("fct_stream_sessions", "stream_count") == [3]
    history.must_equal_a_full_build()
    # and the middle one was another channel's
    rows = [stream(at(slot), "b", "2", started_at=at("12:00")) for slot in ("12:00", "12:05", "13:50")]
    history.load(raw_twitch__streams=rows)
    history.build()
    assert history.column("fct_stream_sessions", "stream_count") == [1, 1, 1]
    history.must_equal_a_full_build()
