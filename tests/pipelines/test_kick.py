"""Kick: polls, batches by id, flat rows and an even pace, against the simulated API."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from pipelines.errors import CredentialsError
from pipelines.resources import Api, Fetched, PollHeader, Scope, Unit
from pipelines.sandbox import Sandbox
from pipelines.sandbox.limits import Limits
from pipelines.sources import kick
from pipelines.tables import Table
from pipelines.validation import Checked, Context, check
from tests.helpers import NOW, Loopback, Reply, SimulatedClock, source_api

STREAMS, USERS = "/public/v2/livestreams", "/public/v1/users/livestreams"
GONE = "987654321987"  # an id that nobody has


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """For tests that change nothing in it."""
    with Sandbox(now=NOW, frozen=True, channels=300, kick_per_minute=1_000_000) as sandbox:
        yield sandbox


@pytest.fixture
def changing() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, frozen=True, channels=300, kick_per_minute=1_000_000) as sandbox:
        yield sandbox


def kick_api(sandbox: Sandbox, **options: Any) -> Api:
    return source_api(kick.SOURCE, sandbox, **options)


def units(ids: Iterable[str]) -> list[Unit]:
    return [Unit(one) for one in ids]


def rows(fetched: Fetched | Iterable[Fetched], table: Table) -> list[Any]:
    parts = [fetched] if isinstance(fetched, Fetched) else fetched
    return [row for part in parts for found in part.rows if found.table is table for row in found.rows]


def owners(parts: Iterable[Fetched]) -> list[str]:
    """The channels whose streams were polled, in order."""
    return [str(row["broadcaster_user_id"]) for row in rows(parts, kick.LIVESTREAMS)]


def statuses(fetched: Fetched | Iterable[Fetched]) -> dict[str, str]:
    parts = [fetched] if isinstance(fetched, Fetched) else fetched
    return {outcome.unit_id: outcome.status for part in parts for outcome in part.outcomes}


def headers(parts: Iterable[Fetched]) -> dict[str, PollHeader]:
    """The last header of each list, which is the one that counts."""
    return {header.scope: header for part in parts for header in part.polls}


def live_ids(sandbox: Sandbox) -> list[str]:
    """Who is live, from the oldest start to the newest."""
    live = sandbox.world_of("kick").live(sandbox.clock.time()).ranked
    return [one.channel.id for one in sorted(live, key=lambda one: (one.session.start, one.channel.index))]


def asked(sandbox: Sandbox, path: str, name: str) -> list[list[str]]:
    """The values of a parameter in each request for a path."""
    return [[value for key, value in served.query if key == name] for served in sandbox.requests(path=path)]


def checked(table: Table, given: list[Any]) -> Checked:
    return check(table, given, Context(NOW, NOW, "request"))


# -- the poll


def test_the_whole_list_is_read_and_says_that_absence_is_absence(sandbox: Sandbox) -> None:
    api = kick_api(sandbox, livestream_page_size=30)
    parts = list(kick.poll_livestreams(api, []))
    assert owners(parts) == live_ids(sandbox) and len(live_ids(sandbox)) > 60
    header = headers(parts)["all"]
    assert (header.is_complete, header.is_exhaustive, header.rows) == (True, True, len(live_ids(sandbox)))
    assert header.slot_at == NOW and statuses(parts) == {"all": "ok", "known": "ok"}
    assert headers(parts)["known"].is_exhaustive


def test_by_default_no_list_is_cut() -> None:
    settings = kick.Settings()
    assert settings.livestream_pages * settings.livestream_page_size >= 100_000


@pytest.mark.parametrize(
    ("options", "taken"),
    [
        ({"livestream_pages": 2, "livestream_page_size": 10}, 20),
        ({"general": {"max_streams_per_collection": 30}}, 30),
        ({"livestream_page_size": 10, "general": {"max_streams_per_collection": 30}}, 30),
        ({"livestream_page_size": 10, "scope": Scope(limit=5)}, 5),
    ],
    ids=["pages", "streams", "pages of streams", "limit"],
)
def test_a_poll_that_was_cut_where_it_was_told_is_complete_and_not_exhaustive(
    sandbox: Sandbox, options: dict[str, Any], taken: int
) -> None:
    parts = list(kick.poll_livestreams(kick_api(sandbox, **options), []))
    assert owners(parts) == live_ids(sandbox)[:taken]
    header = headers(parts)["all"]
    assert (header.rows, header.is_complete, header.is_exhaustive) == (taken, True, False)


@pytest.mark.parametrize("traps", [(), ("empty_page",), ("no_pagination",)], ids=str)
def test_a_list_is_read_to_its_end_whichever_way_it_ends(traps: tuple[str, ...]) -> None:
    with Sandbox(now=NOW, frozen=True, channels=300, kick_per_minute=1_000_000, traps=traps) as sandbox:
        parts = list(kick.poll_livestreams(kick_api(sandbox, livestream_page_size=25), []))
        assert owners(parts) == live_ids(sandbox)
        assert headers(parts)["all"].is_exhaustive


def test_nobody_who_was_live_throughout_is_lost_although_pages_shift(changing: Sandbox) -> None:
    before = live_ids(changing)
    parts = []
    for part in kick.poll_livestreams(kick_api(changing, livestream_page_size=5), units(before)):
        parts.append(part)
        changing.clock.advance(120)
    passed_over = {one for ids in asked(changing, USERS, "user_id") for one in ids}
    still = set(before) & set(live_ids(changing))
    assert passed_over & still, "the list has shifted: some who were live throughout were not in it"
    assert still <= set(owners(parts)) and headers(parts)["known"].is_exhaustive
    assert {found.slot_at for part in parts for found in part.rows} == {NOW}, "a poll is of the slot that it began in"


def test_known_channels_that_did_not_show_up_are_asked_for_by_id_a_hundred_a_call(sandbox: Sandbox) -> None:
    ids = live_ids(sandbox)
    offline = [one.id for one in sandbox.world_of("kick").channels if one.id not in ids]
    before = len(sandbox.requests(path=USERS))
    known = [*ids[:5], *ids[20:60], *offline[:150], "not-an-id", "0", ""]
    parts = list(kick.poll_livestreams(kick_api(sandbox, livestream_pages=1, livestream_page_size=20), units(known)))
    assert asked(sandbox, USERS, "user_id")[before:] == [[*ids[20:60], *offline[:60]], offline[60:150]]
    assert sorted(owners(parts)) == sorted(ids[:60])
    header = headers(parts)["known"]
    assert (header.rows, header.pages, header.is_complete, header.is_exhaustive) == (40, 2, True, True)


def test_chosen_categories_are_polled_as_lists_of_their_own(sandbox: Sandbox) -> None:
    everybody = rows(kick.poll_livestreams(kick_api(sandbox), []), kick.LIVESTREAMS)
    category = next(row["category_id"] for row in everybody if row["category_id"])
    api = kick_api(sandbox, categories=str(category), livestream_page_size=1, livestream_pages=1)
    parts = list(kick.poll_livestreams(api, []))
    assert statuses(parts) == {"all": "ok", f"category:{category}": "ok", "known": "ok"}
    assert rows(parts, kick.LIVESTREAMS)[1]["category_id"] == category


# -- rows


def test_rows_are_flat_and_fit_their_declarations(sandbox: Sandbox) -> None:
    api, ids = kick_api(sandbox), live_ids(sandbox)[:50]
    streams = rows(kick.poll_livestreams(api, []), kick.LIVESTREAMS)
    channels = rows(kick.fetch_channels(api, units(ids)), kick.CHANNELS)
    found = rows(kick.fetch_categories(api, units({str(row["category_id"]) for row in streams})), kick.CATEGORIES)
    for table, given in ((kick.LIVESTREAMS, streams), (kick.CHANNELS, channels), (kick.CATEGORIES, found)):
        taken = checked(table, given)
        assert given and not taken.refused and not taken.unknown_fields, table.name
    hidden = {one for one in ids if sandbox.world_of("kick").hides_viewers(sandbox.world_of("kick").by_id[one])}
    for row in streams:
        assert row["viewer_count"] == 0 or str(row["broadcaster_user_id"]) not in hidden


def test_a_field_that_is_not_known_is_kept_wherever_it_stands(changing: Sandbox) -> None:
    owner = live_ids(changing)[0]
    changing.edits["kick_livestreams"][int(owner)] = lambda row: {
        **row, "brand_new": 1, "channel": {**row["channel"], "verified": True}, "broadcaster_user":
        {**row["broadcaster_user"], "color": "red"},
    }  # fmt: skip
    row = rows(kick.poll_livestreams(kick_api(changing), []), kick.LIVESTREAMS)[0]
    (kept,) = checked(kick.LIVESTREAMS, [row]).rows.to_pylist()
    assert json.loads(kept["_extra"]) == {"brand_new": 1, "channel_verified": True, "broadcaster_user_color": "red"}


@pytest.mark.parametrize(
    "edit",
    [
        {"broadcaster_user": None}, {"broadcaster_user": "somebody"}, {"channel": []}, {"viewer_count": "many"},
        {"broadcaster_user": {"id": "7", "username": "a"}}, {"started_at": None}, {"category": "IRL"},
    ],
    ids=str,
)  # fmt: skip
def test_a_row_of_another_shape_is_refused_or_loses_nothing(changing: Sandbox, edit: dict[str, Any]) -> None:
    changing.edits["kick_livestreams"][int(live_ids(changing)[0])] = edit
    given = rows(kick.poll_livestreams(kick_api(changing), []), kick.LIVESTREAMS)
    taken = checked(kick.LIVESTREAMS, given)
    if edit == {"category": "IRL"}:
        assert not taken.refused and taken.rows.to_pylist()[0]["_extra"] == '{"category":"IRL"}'
    else:
        assert len(taken.refused) == 1 and taken.rows.num_rows == len(given) - 1


@pytest.mark.parametrize("category", [None, {"id": 0, "name": "", "thumbnail": ""}])
def test_a_stream_without_a_category_is_taken(category: Any) -> None:
    row = {"broadcaster_user": {"id": 7, "username": "a"}, "channel": {"slug": "a"}, "category": category}
    plain = {"id": "x", "title": "", "language_code": "en", "started_at": "2026-10-01T11:00:00Z", "viewer_count": 3}
    taken = checked(kick.LIVESTREAMS, [kick.flat({**row, **plain})])
    assert not taken.refused and not taken.rows.to_pylist()[0]["category_id"]


def test_the_zero_time_is_no_time_and_a_stream_key_is_never_kept(changing: Sandbox) -> None:
    offline = next(one for one in changing.world_of("kick").channels if one.id not in live_ids(changing))
    live = live_ids(changing)[0]
    changing.edits["kick_channels"][int(live)] = lambda row: {
        **row, "stream": {**row["stream"], "key": "sk_hush", "url": "rtmps://somewhere"}
    }  # fmt: skip
    found = rows(kick.fetch_channels(kick_api(changing), units([live, offline.id])), kick.CHANNELS)
    by_id = {str(row["broadcaster_user_id"]): row for row in found}
    assert by_id[offline.id]["stream_start_time"] is None and by_id[live]["stream_start_time"]
    assert "sk_hush" not in str(found) and "rtmps" not in str(found)


# -- by id


def test_entities_are_asked_for_by_id_and_those_left_out_are_absent(sandbox: Sandbox) -> None:
    now, world, api = sandbox.clock.time(), sandbox.world_of("kick"), kick_api(sandbox)
    there = [one.id for one in world.channels if world.exists(one, now)][:40]
    away = [one.id for one in world.channels if not world.exists(one, now)][:3]
    found = kick.fetch_channels(api, units([*there, *away, GONE]))
    assert sorted(str(row["broadcaster_user_id"]) for row in rows(found, kick.CHANNELS)) == sorted(there)
    assert statuses(found) == dict.fromkeys(there, "ok") | dict.fromkeys([*away, GONE], "absent")
    streams = rows(kick.poll_livestreams(api, []), kick.LIVESTREAMS)
    ids = {str(row["category_id"]) for row in streams if row["category_id"]}
    found = kick.fetch_categories(api, units([*ids, GONE]))
    assert statuses(found)[GONE] == "absent" and list(statuses(found).values()).count("ok") > 10
    assert {row["id"]: row["name"] for row in rows(found, kick.CATEGORIES)}.items() <= {
        row["category_id"]: row["category_name"] for row in streams
    }.items()


def test_a_batch_of_categories_is_not_cut_at_the_apis_usual_page() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, kick_per_minute=1_000_000) as sandbox:
        api = kick_api(sandbox)
        listed = api.client.get("/public/v2/categories", [("limit", "100")], resource="test").body["data"]
        found = kick.fetch_categories(api, units(str(row["id"]) for row in listed))
    assert set(statuses(found).values()) == {"ok"} and len(statuses(found)) == 100


@pytest.mark.parametrize("bad", ["", "abc", "1a", "-5", "0", "9" * 19, "٣", "1\n"])
def test_what_can_not_be_an_id_is_never_sent(sandbox: Sandbox, bad: str) -> None:
    good = live_ids(sandbox)[0]
    found = kick.fetch_channels(kick_api(sandbox), units([bad, good]))
    assert statuses(found) == {bad: "failed", good: "ok"}
    assert asked(sandbox, "/public/v1/channels", "broadcaster_user_id")[-1] == [good]


def test_faults_lose_nobody_and_a_batch_that_fails_fails_alone(changing: Sandbox) -> None:
    ids = live_ids(changing)
    changing.faults.set({"429": 0.15, "500": 0.15, "reset": 0.15, "truncate": 0.15})
    parts = list(kick.poll_livestreams(kick_api(changing, livestream_page_size=10, retries=12), units(ids)))
    assert set(owners(parts)) == set(ids) and statuses(parts) == {"all": "ok", "known": "ok"}
    assert changing.count("429") and changing.count("truncate")
    changing.faults.set({"500": 1.0})
    parts = list(kick.poll_livestreams(kick_api(changing, retries=0), units(ids[:3])))
    assert statuses(parts) == {"all": "failed", "known": "failed"} and not headers(parts)["known"].is_complete


@pytest.mark.parametrize("body", [{}, [], "text", None, {"data": None}, {"data": {}, "message": "OK"}], ids=str)
def test_an_answer_of_another_shape_fails_its_units_and_nothing_else(body: Any) -> None:
    with Somewhere(lambda request: Reply(body)) as (_, api):
        assert statuses(kick.fetch_channels(api, units(["1"]))) == {"1": "failed"}
        assert statuses(list(kick.poll_livestreams(api, units(["1"])))) == {"all": "failed", "known": "failed"}


@pytest.mark.parametrize("resource", kick.SOURCE.resources, ids=lambda resource: resource.name)
def test_a_plan_counts_the_calls_that_are_made(sandbox: Sandbox, resource: Any) -> None:
    # nobody of those known is live any more, so they are asked for by id
    offline = [one.id for one in sandbox.world_of("kick").channels if one.id not in live_ids(sandbox)]
    ids = offline[:90] if resource.poll else [str(one) for one in range(1, 130)]
    api = kick_api(sandbox)
    before = len(sandbox.served)
    if resource.poll:
        list(resource.poll(api, units(ids)))
    else:
        for start in range(0, len(ids), resource.batch_size(api.settings)):
            resource.fetch(api, units(ids[start : start + resource.batch_size(api.settings)]))
    made = len(sandbox.served) - before - 1  # one is for the token
    assert resource.calls(units(ids), api.settings) == made


def test_every_table_is_filled_by_a_resource_and_each_resource_has_its_view() -> None:
    source = kick.SOURCE
    assert {table for resource in source.resources for table in resource.tables} == set(source.tables)
    assert all(resource.view == f"sync_kick__{resource.name}" for resource in source.resources)


# -- credentials


class Somewhere:
    """Kick on a server that answers as a function says, with one token answer for all."""

    def __init__(self, answer: Any, token: dict[str, Any] | None = None):
        self.clock = SimulatedClock()
        token = {"access_token": "token", **(token or {})}
        self._server = Loopback(lambda request: Reply(token) if request.path.endswith("/token") else answer(request))

    def env(self) -> dict[str, str]:
        names = ("KICK_API_URL", "KICK_AUTH_URL")
        return {**dict.fromkeys(names, self._server.url), "KICK_CLIENT_ID": "id", "KICK_CLIENT_SECRET": "hidden"}

    def __enter__(self) -> tuple[Loopback, Api]:
        self._server.__enter__()
        return self._server, kick_api(self, retries=0, clock=self.clock)  # type: ignore[arg-type]

    def __exit__(self, *error: Any) -> None:
        self._server.__exit__(*error)


@pytest.mark.parametrize("lifetime", [600, "600"])
def test_a_token_is_renewed_when_its_lifetime_is_over_be_it_a_number_or_a_text(lifetime: Any) -> None:
    somewhere = Somewhere(lambda request: Reply({"data": {"total_count": 1}}), {"expires_in": lifetime})
    with somewhere as (server, api):
        for moment, tokens in ((0, 1), (530, 1), (545, 2)):
            somewhere.clock.advance(moment - somewhere.clock.monotonic())
            kick.check(api.client)
            assert [request.path for request in server.requests].count("/token") == tokens, moment
    (request, *_) = [request for request in server.requests if request.path != "/token"]
    assert request.headers["Authorization"] == "Bearer token" and "Client-Id" not in request.headers


@pytest.mark.parametrize("lifetime", ["soon", "", None, 1.5, [], True], ids=str)
def test_an_odd_lifetime_is_taken_for_an_hour(lifetime: Any) -> None:
    somewhere = Somewhere(lambda request: Reply({"data": {"total_count": 1}}), {"expires_in": lifetime})
    with somewhere as (server, api):
        for moment in (0, 3500, 3700):
            somewhere.clock.advance(moment - somewhere.clock.monotonic())
            kick.check(api.client)
    assert [request.path for request in server.requests].count("/token") == 2


def test_refused_credentials_are_told_by_their_settings(sandbox: Sandbox) -> None:
    with pytest.raises(CredentialsError, match="KICK_CLIENT_ID and KICK_CLIENT_SECRET were refused"):
        kick.check(kick_api(sandbox, client_secret="wrong-secret").client)


def test_the_doctor_asks_one_small_request_and_tells_the_pace(sandbox: Sandbox) -> None:
    before = len(sandbox.served)
    assert kick.check(kick_api(sandbox, requests_per_minute=60).client) == "answers; pace 60 requests a minute"
    assert len(sandbox.served) == before + 2


# -- the pace


def starts(count: int, api: Api, clock: SimulatedClock) -> list[float]:
    """The moments at which so many requests in a row were sent."""
    found = []
    for _ in range(count):
        api.client.get("/public/v1/livestreams/stats", resource="test")
        found.append(clock.monotonic())
    return found


def test_the_pace_stays_within_the_limit_by_itself_also_across_processes() -> None:
    clock = SimulatedClock()
    with Sandbox(now=NOW, frozen=True, channels=10) as sandbox:
        api = next(one for one in sandbox.apis if one.name == "kick")
        api.limits = Limits(60, clock.monotonic)  # type: ignore[attr-defined]
        log: list[dict[str, Any]] = []
        made = []
        # three processes, each right after the other, as in a run by hand after one of the schedule
        for _ in range(3):
            made += starts(70, kick_api(sandbox, clock=clock, log=log), clock)
        assert sandbox.requests(status=429) == []
    assert [row["rate_limited"] for row in log] == [0] * 210
    minutes = [sum(start <= one < start + 60 for one in made) for start in made]
    assert max(minutes) <= 62, "a process that starts may be ahead of the pace by its first request"
    assert made[-1] <= 215, "and it does not dawdle"


def test_a_429_tells_no_time_so_the_waits_grow_and_no_two_processes_wait_alike() -> None:
    waits = []
    for _ in range(2):
        given = [Reply({"data": {}, "message": "Too many requests"}, 429)] * 6
        somewhere = Somewhere(
            lambda request, given=given: given.pop() if given else Reply({"data": {"total_count": 1}})
        )
        with somewhere:
            # so fast a pace that all waits but the client's own are short
            api = kick_api(somewhere, retries=6, clock=somewhere.clock, requests_per_minute=60_000)  # type: ignore[arg-type]
            assert kick.check(api.client)
        waits.append([wait for wait in somewhere.clock.slept if wait > 0.1])
    assert all(2**at / 4 <= wait <= 2**at / 2 for found in waits for at, wait in enumerate(found))
    assert [len(found) for found in waits] == [6, 6] and not set(waits[0]) & set(waits[1])


def test_a_poll_belongs_to_the_slot_it_began_in() -> None:
    at = dt.datetime(2026, 10, 1, 12, 4, 59, tzinfo=dt.UTC)
    with Sandbox(now=at, frozen=True, channels=100, kick_per_minute=1_000_000) as sandbox:
        parts = list(kick.poll_livestreams(kick_api(sandbox), []))
    assert {found.slot_at for part in parts for found in part.rows} == {NOW}
