"""The marts of viewing against the truth of a simulated world; and builds by what is new against full ones."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pipelines.sandbox.viewing import Viewing, hidden, joined, viewing
from pipelines.sandbox.world import DAY
from pipelines.sources import twitch
from tests.dbt.live import FIRST_DAY, SLOT, VIEWING, Live, Simulation, in_zone, moment, polled, simulate
from tests.dbt.warehouse import Row, Warehouse

HOUR = 3600
OUTAGE = range(FIRST_DAY * DAY + DAY + 17 * HOUR, FIRST_DAY * DAY + DAY + 20 * HOUR, SLOT)
# polls that are missing -> by how much hours watched may be off
MISSING = {"all polls": (0.0, 0.001), "10% missing": (0.1, 0.005), "30% missing": (0.3, 0.015)}
FINAL = ("int_live__stream_intervals", *(name for name in VIEWING if name.startswith("fct")))
# what it takes to tell whether a stream is live
STREAMS = (
    "int_live__slots_recorded", "int_live__streams_spanned", "int_live__stream_stretches", "int_live__stream_days",
    "fct_stream_snapshots", "fct_streams",
)  # fmt: skip
ZONES = ("America/Sao_Paulo", "Asia/Kolkata")

Marts = dict[str, list[Row]]


@dataclass(frozen=True)
class Told:
    """What a simulation is, and what it was in truth."""

    simulation: Simulation
    truth: Viewing


@pytest.fixture(scope="module")
def told() -> Told:
    simulation = simulate()
    return Told(simulation, viewing(simulation.world, simulation.sessions))


def at_end(simulation: Simulation) -> int:
    """When the last poll has been loaded."""
    return simulation.slots[-1] + SLOT


def read(live: Live) -> Marts:
    return {name: live.rows(name) for name in FINAL}


def measured(warehouse: Warehouse, simulation: Simulation, missing: set[int]) -> Marts:
    """The marts over all polls but those missing, loaded at once."""
    live = Live(warehouse)
    live.load(at_end(simulation), polled(simulation, missing))
    live.create_views()
    live.build()
    return read(live)


@pytest.fixture(scope="module")
def marts(told: Told, warehouse_on: Callable[[str], Warehouse]) -> dict[str, Marts]:
    """The marts with all polls, with polls missing at random, and with an outage of three hours."""
    chance = random.Random(3)
    missing = {
        name: {slot for slot in told.simulation.slots if chance.random() < share}
        for name, (share, _) in MISSING.items()
    }
    missing["outage"] = set(OUTAGE)
    return {name: measured(warehouse_on("duckdb"), told.simulation, slots) for name, slots in missing.items()}


def by_day(rows: list[Row], name: str) -> dict[tuple[str, int], Row]:
    """Rows of days by what they are of and the number of the day."""
    return {(row[name], (row["day"] - dt.date(1970, 1, 1)).days): row for row in rows}


def inside(row: Row, viewer_seconds: int) -> bool:
    return bool(row["viewer_seconds_lower"] <= viewer_seconds <= row["viewer_seconds_upper"])


@pytest.mark.parametrize("name", MISSING)
def test_hours_watched_are_those_of_the_truth(name: str, told: Told, marts: dict[str, Marts]) -> None:
    for mart in ("fct_streams", "fct_stream_sessions", "fct_channel_days"):
        total = sum(row["viewer_seconds"] or 0 for row in marts[name][mart])
        assert total == pytest.approx(told.truth.viewer_seconds, rel=MISSING[name][1]), mart


@pytest.mark.parametrize("name", [*MISSING, "outage"])
def test_the_truth_lies_within_the_bounds(name: str, told: Told, marts: dict[str, Marts]) -> None:
    days = by_day(marts[name]["fct_channel_days"], "channel_id")
    # what was on air for less than a slot, or only during the outage, may never have been seen
    seen = {key: viewed for key, viewed in told.truth.channel_days.items() if key in days}
    assert len(seen) >= 0.97 * len(told.truth.channel_days)
    assert sum(inside(days[key], viewed.viewer_seconds) for key, viewed in seen.items()) >= 0.95 * len(seen)


def test_the_bounds_are_narrow_with_all_polls_and_wider_with_fewer(marts: dict[str, Marts]) -> None:
    widths = [
        statistics.median(
            (row["viewer_seconds_upper"] - row["viewer_seconds_lower"]) / row["viewer_seconds"]
            for row in marts[name]["fct_channel_days"]
            if row["viewer_seconds"]
        )
        for name in MISSING
    ]
    assert widths[0] <= 0.05
    assert widths == sorted(widths)


def test_streams_have_the_airtime_average_and_peak_of_the_truth(told: Told, marts: dict[str, Marts]) -> None:
    streams = {row["stream_id"]: row for row in marts["all polls"]["fct_streams"]}
    assert len(streams) == len(told.simulation.sessions)
    peaks = []
    for stream_id, viewed in told.truth.streams.items():
        row = streams[stream_id]
        # an end is known to half a slot, and a poll takes some seconds
        assert abs(row["airtime_seconds"] - viewed.airtime_seconds) <= SLOT // 2 + 20
        assert row["average_viewers"] == row["viewer_seconds"] / row["airtime_seconds"]
        if viewed.airtime_seconds > HOUR:
            assert row["average_viewers"] == pytest.approx(viewed.viewer_seconds / viewed.airtime_seconds, rel=0.05)
            peaks.append(row["peak_viewers"] / viewed.peak_viewers)
    # the truth is told by minutes, within which a crowd moves by two in a hundred
    assert max(peaks) <= 1.02
    assert statistics.median(peaks) > 0.97


def test_polls_that_are_missing_show_as_coverage_and_imputed_share(marts: dict[str, Marts]) -> None:
    for name, (share, _) in MISSING.items():
        streams = [row for row in marts[name]["fct_streams"] if row["airtime_seconds"] > 4 * HOUR]
        made, expected = (sum(row[column] for row in streams) for column in ("polls_made", "polls_expected"))
        assert made / expected == pytest.approx(1 - share, abs=0.05)
        imputed = statistics.mean(row["imputed_ratio"] for row in streams)
        assert imputed == 0 if share == 0 else imputed > share


def test_hidden_viewers_are_airtime_and_not_viewing(told: Told, marts: dict[str, Marts]) -> None:
    channels = {channel.id for channel in hidden(told.simulation.world)}
    rows = [row for row in marts["all polls"]["fct_channel_days"] if row["channel_id"] in channels]
    assert rows
    for row in rows:
        assert (row["viewer_seconds"], row["viewer_seconds_lower"], row["average_viewers"], row["peak_viewers"]) == (
            None,
        ) * 4
        assert row["hidden_seconds"] == row["airtime_seconds"] > 0
    assert all(row["hidden_seconds"] == 0 for row in marts["all polls"]["fct_channel_days"] if row not in rows)


def test_restarts_are_one_session(told: Told, marts: dict[str, Marts]) -> None:
    expected = joined(told.simulation.sessions)
    found = {row["session_id"]: row for row in marts["all polls"]["fct_stream_sessions"]}
    assert {sessions[0].id: len(sessions) for sessions in expected} == {
        key: row["stream_count"] for key, row in found.items()
    }
    restarted = [sessions for sessions in expected if len(sessions) > 1]
    assert restarted
    for sessions in restarted:
        gap = sum(after.start - before.end for before, after in itertools.pairwise(sessions))
        assert abs(found[sessions[0].id]["gap_seconds"] - gap) <= SLOT
        assert found[sessions[0].id]["started_at"] == moment(sessions[0].start)


def test_a_stream_over_midnight_has_hours_on_both_days_and_counts_on_the_first(
    told: Told, marts: dict[str, Marts]
) -> None:
    days = by_day(marts["all polls"]["fct_channel_days"], "channel_id")
    over = [session for session in told.simulation.sessions if session.start // DAY < session.end // DAY]
    assert over
    for session in over:
        channel_id = told.simulation.world.channels[session.channel].id
        for day in (session.start // DAY, session.start // DAY + 1):
            truth = told.truth.channel_days.get((channel_id, day))
            if truth:
                assert abs(days[channel_id, day]["airtime_seconds"] - truth.airtime_seconds) <= 2 * SLOT
    begun: dict[tuple[str, int], int] = {}
    for session in told.simulation.sessions:
        key = told.simulation.world.channels[session.channel].id, session.start // DAY
        begun[key] = begun.get(key, 0) + 1
    assert begun == {key: row["stream_count"] for key, row in days.items() if row["stream_count"]}


def test_categories_have_the_viewing_and_peak_of_the_truth(told: Told, marts: dict[str, Marts]) -> None:
    days = by_day(marts["all polls"]["fct_category_days"], "category_id")
    large = {key: viewed for key, viewed in told.truth.category_days.items() if viewed.airtime_seconds > 2 * HOUR}
    for key, viewed in large.items():
        row = days[key]
        assert row["viewer_seconds"] == pytest.approx(viewed.viewer_seconds, rel=0.05)
        assert row["average_viewers"] == row["viewer_seconds"] / DAY
        assert 0.85 < row["peak_viewers"] / viewed.peak_viewers <= 1.02
    assert statistics.median(days[key]["viewer_seconds"] / viewed.viewer_seconds for key, viewed in large.items()) == (
        pytest.approx(1, rel=0.002)
    )
    assert sum(inside(days[key], viewed.viewer_seconds) for key, viewed in large.items()) >= 0.95 * len(large)
    # several streams at once: the sum's peak, not the sum of peaks
    assert any(row["stream_count"] > 2 for row in days.values())


def test_an_outage_shows_as_low_coverage_and_ends_no_stream(told: Told, marts: dict[str, Marts]) -> None:
    all_streams = {row["stream_id"]: row for row in marts["all polls"]["fct_streams"]}
    streams = {row["stream_id"]: row for row in marts["outage"]["fct_streams"]}
    through = [s for s in told.simulation.sessions if s.start < OUTAGE[0] - HOUR and s.end > OUTAGE[-1] + HOUR]
    assert len(through) > 5
    for session in through:
        row = streams[session.id]
        assert row["airtime_seconds"] == all_streams[session.id]["airtime_seconds"]
        assert row["coverage_ratio"] < 0.9 and row["imputed_ratio"] > 0.1
        assert row["polls_expected"] - row["polls_made"] == len(OUTAGE)
    ended = [s for s in told.simulation.sessions if s.start < OUTAGE[0] and OUTAGE[0] + SLOT < s.end < OUTAGE[-1]]
    assert ended
    for session in ended:
        assert streams[session.id]["closed_slot_at"] == moment(OUTAGE[-1] + SLOT)
    coverage = {row["day"]: row["coverage_ratio"] for row in marts["outage"]["fct_channel_days"]}
    assert [coverage[day] for day in sorted(coverage)][:3] == [1, 1 - len(OUTAGE) * SLOT / DAY, 1]


def test_only_a_complete_poll_ends_a_stream(told: Told, warehouse_on: Callable[[str], Warehouse]) -> None:
    live = Live(warehouse_on("duckdb"))
    live.create_views()
    everything = polled(told.simulation)
    slots = [slot for slot in told.simulation.slots if slot < told.simulation.since + DAY]
    last = next(
        slot
        for slot in reversed(slots)
        if {row["id"] for row in everything[slot]} - {row["id"] for row in everything[slot + SLOT]}
    )
    (gone, *_) = {row["id"] for row in everything[last]} - {row["id"] for row in everything[last + SLOT]}

    def state() -> tuple[Any, ...]:
        live.build(select=STREAMS)
        (row,) = [row for row in live.rows("fct_streams") if row["stream_id"] == gone]
        return row["is_live"], row["ended_at"] is None, row["closed_slot_at"]

    live.load(last + SLOT, {slot: everything[slot] for slot in slots if slot <= last})
    assert state() == (True, True, None)
    live.load(last + 2 * SLOT, {last + SLOT: everything[last + SLOT]}, incomplete=[last + SLOT])
    assert state() == (True, True, None)
    # a day without polls, and then one that does not list it
    live.load(last + DAY, {last + DAY: []})
    assert state() == (False, False, moment(last + DAY))
    # the slot that had broken off is read again, to its end
    live.load(last + DAY + SLOT, {last + SLOT: everything[last + SLOT]})
    assert state() == (False, False, moment(last + SLOT))


def test_a_build_finds_what_precedes_a_lone_broadcast(warehouse_on: Callable[[str], Warehouse]) -> None:
    live = Live(warehouse_on("duckdb"))
    live.create_views()
    noon = FIRST_DAY * DAY + 12 * HOUR

    def polls(*minutes: int, listed: bool = True) -> dict[int, list[Row]]:
        return {
            slot: [
                {
                    "slot_at": moment(slot),
                    "id": "1",
                    "user_id": "1",
                    "viewer_count": 100,
                    "started_at": moment(noon - HOUR),
                    "fetched_at": moment(slot + 2),
                }
            ]
            if listed
            else []
            for slot in (noon + 60 * minute for minute in minutes)
        }

    news = [
        polls(0, 10),
        # late, read again, goes on, is over, is back, is over, was over before
        polls(5),
        polls(10),
        polls(15),
        polls(25, listed=False),
        polls(90),
        polls(105, listed=False),
        polls(100, listed=False),
    ]
    for number, part in enumerate(news):
        live.load(noon + DAY + number * SLOT, part)
        live.build(select=STREAMS)
    parts = {name: in_order(live.rows(name)) for name in STREAMS}
    live.build("--full-refresh", select=STREAMS)
    assert parts == {name: in_order(live.rows(name)) for name in STREAMS}
    intervals = live.rows("int_live__stream_intervals")
    assert sum(row["kind"] == "head" for row in intervals) == 1
    assert sum(row["seconds"] for row in intervals) == HOUR + 2 + 90 * 60 + SLOT // 2


def in_order(rows: list[Row]) -> list[str]:
    return sorted(repr(row) for row in rows)


@dataclass
class Story:
    """The marts after builds by what was new, and after full builds in other time zones."""

    parts: Marts
    full: list[Marts]


def tell(warehouse: Warehouse, simulation: Simulation, zones: tuple[str, ...]) -> Story:
    """Polls come by half days; some late, out of order, broken off, or twice; others never."""
    live = Live(warehouse)
    live.create_views()
    everything = polled(simulation, missing=set(OUTAGE[:12]))
    slots = sorted(everything)
    chance = random.Random(5)
    late = {slot for slot in slots if chance.random() < 0.04}
    headless = {slot for slot in slots if chance.random() < 0.02} - late
    half_days = [slots[begin : begin + 144] for begin in range(0, len(slots), 144)]
    for number, part in enumerate(half_days):
        polls = {slot: everything[slot] for slot in part if slot not in late}
        at = part[-1] + SLOT
        live.load(at, {slot: rows for slot, rows in polls.items() if slot not in headless}, incomplete=part[::50])
        live.load(at + 2, {slot: rows for slot, rows in polls.items() if slot in headless}, headers=False)
        if number == 2:
            # the late ones of the first day, and a poll again that names other categories and viewers
            live.load(at + 4, {slot: everything[slot] for slot in sorted(late) if slot < simulation.since + DAY})
            again = [{**row, "game_id": "other", "viewer_count": 7} for row in everything[part[20]]]
            live.merge(twitch.STREAMS, again, at + 6)
        live.merge(
            twitch.FOLLOWERS,
            [
                {
                    "slot_at": moment(part[0]),
                    "broadcaster_id": channel.id,
                    "total": simulation.world.followers(channel, part[0]),
                }
                for channel in simulation.world.channels[number::3]
            ],
            at + 8,
        )
        live.build()
    # the rest of what is late, and headers that were left behind
    rest = {slot: everything[slot] for slot in late if slot >= simulation.since + DAY}
    live.load(at_end(simulation) + 100, rest | {slot: [] for slot in headless})
    live.build()
    parts = read(live)
    full = []
    for zone in zones:
        with in_zone(warehouse, zone):
            live.build("--full-refresh")
            full.append(read(live))
    return Story(parts, full)


@pytest.fixture(scope="module")
def stories(warehouse_on: Callable[[str], Warehouse]) -> dict[str, Story]:
    simulation = simulate(channels=25, days=2)
    return {
        "duckdb": tell(warehouse_on("duckdb"), simulation, ZONES),
        "postgres": tell(warehouse_on("postgres"), simulation, ZONES[:1]),
    }


@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_builds_by_what_is_new_end_like_full_ones_in_any_time_zone(engine: str, stories: dict[str, Story]) -> None:
    for full in stories[engine].full:
        for name in FINAL:
            assert in_order(stories[engine].parts[name]) == in_order(full[name]), name


def test_both_engines_give_the_same_rows(stories: dict[str, Story]) -> None:
    for name in FINAL:
        assert in_order(stories["duckdb"].parts[name]) == in_order(stories["postgres"].parts[name]), name
        assert stories["duckdb"].parts[name]


def test_rows_that_a_poll_read_twice_change_nothing(
    told: Told, warehouse_on: Callable[[str], Warehouse], marts: dict[str, Marts]
) -> None:
    live = Live(warehouse_on("duckdb"))
    polls = polled(told.simulation)
    live.load(at_end(told.simulation), {slot: rows + rows[::3] for slot, rows in polls.items()})
    live.load(at_end(told.simulation) + 10, {slot: rows[::7] for slot, rows in polls.items()}, headers=False)
    live.create_views()
    live.build()
    for name in ("fct_streams", "fct_channel_days", "fct_category_days"):
        found, expected = (in_order(rows) for rows in (live.rows(name), marts["all polls"][name]))
        assert found == expected
