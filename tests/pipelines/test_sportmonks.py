"""Sportmonks: lists with bookmarks, fixtures in batches that shrink, rows unfolded, limits as they are reported."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import requests

from pipelines.budget import QuotaError, Reported
from pipelines.clock import Clock
from pipelines.errors import CredentialsError, SourceError
from pipelines.resources import Api, Fetched, Opening, Scope, Unit
from pipelines.scrub import Scrubber
from pipelines.settings import Settings
from pipelines.sources import sportmonks, sportmonks_tables
from pipelines.tables import Table
from tests.helpers import NOW, Loopback, Reply, Request, SimulatedClock, answer, limits

IDS = [str(number) for number in range(1, 51)]


def api_of(url: str, *, clock: Clock | None = None, retries: int = 5, **changes: Any) -> Api:
    """The source as a run opens it; `changes` are its settings."""
    settings = sportmonks.Settings(api_key="a-token", api_url=url, **changes)
    clock = clock or SimulatedClock()
    opening = Opening(settings, Settings(), limits(retries), clock, Scrubber(), "run", [].append)
    return Api(sportmonks.open_client(opening), settings, Settings(), Scope(), clock)


def page(rows: list[Any], **pagination: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"data": rows, "rate_limit": {"resets_in_seconds": 3600, "remaining": 2999}}
    return body | ({"pagination": pagination} if pagination else {})


def rows_of(found: Fetched | list[Fetched], table: Table) -> list[Any]:
    parts = found if isinstance(found, list) else [found]
    return [row for one in parts for part in one.rows if part.table is table for row in part.rows]


def outcomes(found: Fetched) -> dict[str, str]:
    return {outcome.unit_id: outcome.status for outcome in found.outcomes}


def asked_ids(request: Request) -> list[str]:
    return request.path.rsplit("/", 1)[1].split(",")


def fixtures(ids: list[str]) -> dict[str, Any]:
    return {"data": [{"id": int(one), "league_id": 1, "season_id": 1, "state_id": 5} for one in ids]}


# -- limits


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (
            {},
            '{"data":[],"rate_limit":{"resets_in_seconds":100,"remaining":7,"requested_entity":"Team"}}',
            (None, 7, 100),
        ),
        ({"x-ratelimit-limit": "3000", "x-ratelimit-remaining": "9"}, '{"data":[]}', (3000, 9, None)),
        (
            {},
            '{"retry_after":1847,"rate_limit":{"remaining":0,"total":3000,"resets_in_seconds":1847}}',
            (3000, 0, 1847),
        ),
        ({}, '{"rate_limit":{"remaining":0,"total":3000,"resets_in":"30:47"}}', (3000, 0, 1847)),
        ({}, '{"message":"x","code":5005,"resets_in":"1:00:00"}', (None, None, 3600)),
        ({"Retry-After": "60"}, '{"retry_after":5}', (None, None, 60)),
        ({}, "not json", (None, None, None)),
        ({}, '{"rate_limit":"soon"}', (None, None, None)),
    ],
)
def test_limits_are_read_from_body_and_headers_in_every_shape(
    headers: dict[str, str], body: str, expected: tuple[Any, ...]
) -> None:
    with Loopback(lambda request: Reply(body.encode(), headers=headers)) as server:
        response = requests.get(server.url, timeout=5)
    assert sportmonks.read_limits(response, response.content) == Reported(*expected)


def test_each_kind_of_thing_has_its_limit_and_live_scores_count_as_fixtures() -> None:
    bucket = sportmonks.bucket_of
    assert bucket("/football/fixtures/multi/1,2") == bucket("/football/livescores/inplay") == "fixtures"
    assert bucket("/core/types") == "types" and bucket("/football/standings/seasons/1") == "standings"


def test_a_limit_that_is_used_up_stops_only_its_own_kind() -> None:
    def reply(request: Request) -> Reply:
        if "teams" in request.path:
            return Reply({"error": "Too Many Requests", "retry_after": 3000}, 429)
        return Reply(page([]))

    with Loopback(reply) as server:
        api = api_of(server.url)
        api.client.deadline = 600
        with pytest.raises(QuotaError):
            api.client.get("/football/teams", resource="lists")
        api.client.get("/football/venues", resource="lists")
    assert [request.path for request in server.requests] == ["/football/teams", "/football/venues"]


def test_the_token_goes_in_a_header_and_a_refusal_names_its_setting() -> None:
    refusal = Reply({"message": "Unauthenticated."}, 401)
    with Loopback(lambda _: refusal) as server, pytest.raises(CredentialsError, match="SPORTMONKS_API_KEY"):
        sportmonks.check(api_of(server.url).client)
    (request,) = server.requests
    assert request.headers["Authorization"] == "a-token" and "a-token" not in request.path + str(request.query)


# -- lists


def read(server: Loopback, unit: Unit, **options: Any) -> list[Fetched]:
    return list(sportmonks.poll_lists(api_of(server.url, **options), [unit]))


def test_a_list_is_read_by_cursor_to_its_end_and_never_with_a_page_size() -> None:
    pages = {None: ([{"id": 1, "name": "a"}], "c1"), "c1": ([{"id": 2, "name": "b"}], None)}

    def reply(request: Request) -> Reply:
        query = dict(request.query)
        assert query["filters"] == "populate" and "per_page" not in query
        rows, cursor = pages[query.get("cursor")]
        return Reply(page(rows, next_cursor=cursor, has_more=cursor is not None, current_page=1))

    with Loopback(reply) as server:
        first, second = read(server, Unit("teams"))
    assert [row["id"] for row in rows_of([first, second], sportmonks.TEAMS)] == [1, 2]
    assert outcomes(first) == {"teams": "unfinished"} and outcomes(second) == {"teams": "ok"}
    (header,) = second.polls
    assert (header.scope, header.pages, header.rows, header.is_complete) == ("teams", 2, 2, True) and not first.polls


@pytest.mark.parametrize(
    "paging",
    [
        {1: {"next_page": "https://x/?page=2", "has_more": True}, 2: {"next_page": None, "has_more": False}},
        {1: {"next_page": "https://x/?page=2"}, 2: {}},
    ],
)
def test_a_list_is_read_by_page_number_where_there_are_no_cursors(paging: dict[int, dict[str, Any]]) -> None:
    with Loopback(
        lambda request: Reply(page([{"id": 1}], **paging[int(dict(request.query).get("page", 1))]))
    ) as server:
        assert len(rows_of(read(server, Unit("venues")), sportmonks.VENUES)) == 2


@pytest.mark.parametrize(
    "body",
    [
        page([{"id": 1}], next_cursor="same", has_more=True),
        page([], next_cursor="more", has_more=True),
        page([{"id": 1}]),
        {"message": "No result(s) found matching your request."},
    ],
)
def test_a_list_ends_where_paging_leads_nowhere(body: dict[str, Any]) -> None:
    with Loopback(lambda request: Reply(body)) as server:
        assert outcomes(read(server, Unit("states"))[-1]) == {"states": "ok"}
    assert len(server.requests) <= 2


def test_a_list_that_broke_off_is_read_on_from_its_bookmark_as_one_sweep() -> None:
    is_down = [True]

    def reply(request: Request) -> Reply:
        cursor = dict(request.query).get("cursor")
        if cursor and is_down[0]:
            return Reply({"message": "down"}, 500)
        return Reply(page([{"id": 2 if cursor else 1}], next_cursor=None if cursor else "c1", has_more=not cursor))

    clock = SimulatedClock()
    with Loopback(reply) as server:
        api = api_of(server.url, clock=clock, retries=0)
        _, failed = sportmonks.poll_lists(api, [Unit("fixtures")])
        assert outcomes(failed) == {"fixtures": "failed"}
        is_down[0] = False
        clock.advance(60)
        unit = Unit("fixtures", bookmark=failed.outcomes[0].bookmark)
        (rest,) = sportmonks.poll_lists(api, [unit])
        assert [row["id"] for row in rows_of(rest, sportmonks.FIXTURE_INDEX)] == [2]
        (header,) = rest.polls
        assert header.started_at == NOW and header.pages == header.rows == 2
        clock.advance(7 * 3600)
        assert len(rows_of(list(sportmonks.poll_lists(api, [unit])), sportmonks.FIXTURE_INDEX)) == 2, "too old: anew"


def test_a_bookmark_that_the_api_refuses_is_forgotten() -> None:
    with Loopback(lambda request: Reply({"message": "invalid cursor", "code": 5006}, 400)) as server:
        bookmark = sportmonks.Bookmark(NOW, cursor="stale").text()
        (failed,) = read(server, Unit("fixtures", bookmark=bookmark))
    assert outcomes(failed) == {"fixtures": "failed"} and failed.outcomes[0].bookmark == ""


def test_a_list_of_fixtures_that_shrank_is_not_taken_for_whole_until_it_stays_so() -> None:
    with Loopback(lambda request: Reply(page([{"id": 1}]))) as server:
        (fetched,) = read(server, Unit("fixtures", last_rows=100))
        assert outcomes(fetched) == {"fixtures": "failed"} and not fetched.polls[0].is_complete
        assert fetched.outcomes[0].rows == 100 and rows_of(fetched, sportmonks.FIXTURE_INDEX), "what it shows is loaded"
        (fetched,) = read(server, Unit("fixtures", last_rows=100, failures=2))
        assert fetched.outcomes[0].rows == 1
        (fetched,) = read(server, Unit("fixtures", last_rows=1))
        assert outcomes(fetched) == {"fixtures": "ok"} and fetched.polls[0].is_complete
        (fetched,) = read(server, Unit("standings", last_rows=100))
        assert outcomes(fetched) == {"standings": "ok"}, "tables change with the season"


def test_one_list_that_is_refused_does_not_cost_the_others() -> None:
    with Loopback(lambda request: Reply({}, 403) if "venues" in request.path else Reply(page([]))) as server:
        found = list(sportmonks.poll_lists(api_of(server.url), [Unit("venues"), Unit("teams")]))
    assert [outcomes(one) for one in found] == [{"venues": "failed"}, {"teams": "ok"}]


# -- fixtures


DETAILED = {
    "id": 7, "league_id": 1, "season_id": 2, "state_id": 5, "name": "A vs B", "starting_at": "2026-09-30 15:00:00",
    "has_odds": False, "new_field": {"x": 1},
    "participants": [{"id": 10, "name": "A", "meta": {"location": "home", "winner": True, "position": None}}],
    "scores": [{"id": 1, "fixture_id": 7, "type_id": 1525, "participant_id": 10, "description": "CURRENT",
                "score": {"goals": 2, "participant": "home"}}],
    "events": [{"id": 5, "fixture_id": 7, "type_id": 14, "participant_id": 10, "minute": 12}],
    "statistics": [{"id": 6, "fixture_id": 7, "type_id": 34, "participant_id": 10, "data": {"value": 4},
                    "location": "home"}],
    "lineups": None, "periods": [],
}  # fmt: skip


def test_a_fixture_is_unfolded_into_flat_rows() -> None:
    found = sportmonks.unfold([DETAILED], answer())
    (fixture,) = rows_of(found, sportmonks.FIXTURES)
    assert fixture["new_field"] == {"x": 1} and "participants" not in fixture and len(fixture["base_hash"]) == 16
    (team,) = rows_of(found, sportmonks_tables.PARTICIPANTS)
    assert (team["fixture_id"], team["id"], team["location"], team["winner"]) == (7, 10, "home", True)
    (score,) = rows_of(found, sportmonks_tables.SCORES)
    assert (score["goals"], score["participant"], score["participant_id"]) == (2, "home", 10)
    (statistic,) = rows_of(found, sportmonks_tables.STATISTICS)
    assert statistic["value"] == 4 and "data" not in statistic
    (outcome,) = found.outcomes
    assert (outcome.unit_id, outcome.status, outcome.rows) == ("7", "ok", 5)
    assert outcome.bookmark == fixture["base_hash"], "the version that was fetched"


@pytest.mark.parametrize("odd", [None, "x", {"id": "7"}, {"id": 7, "events": ["x", None], "scores": {"a": 1}}])
def test_what_is_no_fixture_is_left_for_the_check_to_refuse(odd: Any) -> None:
    found = sportmonks.unfold([odd, DETAILED], answer())
    assert len(rows_of(found, sportmonks.FIXTURES)) == 2 and "7" in outcomes(found)


def test_the_hash_tells_versions_apart_and_ignores_details_odds_and_absent_nulls() -> None:
    base = {"id": 7, "league_id": 1, "season_id": 2, "state_id": 5, "starting_at": "2026-09-30 15:00:00"}
    known = sportmonks.with_hash(base)["base_hash"]
    for same in ({"has_odds": True}, {"venue_id": None}, {"events": []}, {"new_field": 1}):
        assert sportmonks.with_hash(base | same)["base_hash"] == known
    for changed in ({"state_id": 17}, {"starting_at": "2026-10-01 15:00:00"}, {"venue_id": 3}, {"placeholder": True}):
        assert sportmonks.with_hash(base | changed)["base_hash"] != known


def fetch(server: Loopback, ids: list[str], *, age_class: str = "settled", **options: Any) -> Fetched:
    units = [Unit(one, age_class=age_class) for one in ids]
    return sportmonks.fetch_fixtures(api_of(server.url, **options), units)


def test_fifty_fixtures_are_one_call_with_all_their_details() -> None:
    with Loopback(lambda request: Reply(fixtures(asked_ids(request)))) as server:
        assert outcomes(fetch(server, IDS)) == dict.fromkeys(IDS, "ok")
    (request,) = server.requests
    assert dict(request.query) == {"include": sportmonks.DETAILS}


def failing(wrong: Callable[[list[str]], bool], status: int, body: Any) -> Callable[[Request], Reply]:
    return lambda request: Reply(body, status) if wrong(asked_ids(request)) else Reply(fixtures(asked_ids(request)))


@pytest.mark.parametrize(("status", "body"), [(500, {"message": "x"}), (504, {}), (400, {"code": 5004})])
def test_an_id_that_fails_alone_does_not_cost_the_rest(status: int, body: Any) -> None:
    with Loopback(failing(lambda ids: "33" in ids, status, body)) as server:
        found = outcomes(fetch(server, IDS))
    assert found == {one: "failed" if one == "33" else "ok" for one in IDS}


def test_batches_that_are_too_much_become_smaller_for_all() -> None:
    with Loopback(failing(lambda ids: len(ids) > 12, 504, {})) as server:
        api = api_of(server.url)
        for _ in range(2):
            before = len(server.requests)
            assert outcomes(sportmonks.fetch_fixtures(api, [Unit(one) for one in IDS])) == dict.fromkeys(IDS, "ok")
    assert max(len(asked_ids(request)) for request in server.requests[before:]) <= 12, "no size is tried twice in vain"


def test_batches_shrink_after_two_failures_in_a_row_and_grow_after_twenty_successes() -> None:
    sizes = sportmonks.BatchSizes(50)
    sizes.shrink(50)
    sizes.grow()
    sizes.shrink(50)
    assert sizes.size == 50, "one bad fixture is no reason"
    sizes.shrink(25)
    assert sizes.size == 12
    for _ in range(20):
        sizes.grow()
    assert sizes.size == 24
    for _ in range(40):
        sizes.grow()
    assert sizes.size == 50


def test_a_deleted_fixture_is_found_among_the_deleted_ones() -> None:
    def reply(request: Request) -> Reply:
        deleted = ("filters", "deleted") in request.query
        return Reply(fixtures([one for one in asked_ids(request) if (one == "3") == deleted]))

    with Loopback(reply) as server:
        assert outcomes(fetch(server, IDS)) == dict.fromkeys(IDS, "ok")
    assert [len(asked_ids(request)) for request in server.requests] == [50, 1]


@pytest.mark.parametrize(("age_class", "status"), [("suspect", "absent"), ("absent", "absent"), ("settled", "failed")])
def test_a_fixture_left_out_is_absent_only_if_the_list_lacks_it_too(age_class: str, status: str) -> None:
    with Loopback(lambda request: Reply(fixtures([one for one in asked_ids(request) if one != "3"]))) as server:
        found = outcomes(fetch(server, IDS, age_class=age_class))
    assert found.pop("3") == status and set(found.values()) == {"ok"}


@pytest.mark.parametrize(
    ("status", "body"), [(403, {"error": "Access Denied"}), (400, {"code": 5002}), (400, {"code": 5007})]
)
def test_what_the_plan_does_not_include_ends_the_source_at_once(status: int, body: Any) -> None:
    with Loopback(lambda _: Reply(body, status)) as server, pytest.raises(SourceError, match="does not include"):
        fetch(server, IDS)
    assert len(server.requests) == 1


def test_live_scores_count_as_fetched_fixtures() -> None:
    with Loopback(lambda request: Reply({"data": [DETAILED]})) as server:
        api = api_of(server.url)
        assert list(sportmonks.poll_live(api, [])) == [], "nobody plays"
        (found,) = sportmonks.poll_live(api, [Unit("inplay")])
        off = dataclasses.replace(api, settings=sportmonks.Settings(api_key="k", live_polling=False))
        assert list(sportmonks.poll_live(off, [Unit("inplay")])) == []
    assert [(one.unit_id, one.resource) for one in found.outcomes] == [("7", "fixtures"), ("inplay", None)]
    assert len(server.requests) == 1


# -- seasons


def test_top_scorers_of_a_season_are_read_page_by_page() -> None:
    def reply(request: Request) -> Reply:
        assert request.path == "/football/topscorers/seasons/9"
        cursor = dict(request.query).get("cursor")
        return Reply(page([{"id": 2 if cursor else 1}], next_cursor=None if cursor else "c", has_more=not cursor))

    with Loopback(reply) as server:
        found = sportmonks.fetch_topscorers(api_of(server.url), [Unit("9")])
    assert [row["id"] for row in rows_of(found, sportmonks.TOPSCORERS)] == [1, 2] and outcomes(found) == {"9": "ok"}


def test_a_season_without_corrections_is_a_success() -> None:
    with Loopback(lambda request: Reply({"message": "No result(s) found matching your request."})) as server:
        found = sportmonks.fetch_corrections(api_of(server.url), [Unit("9")])
    assert outcomes(found) == {"9": "ok"} and not rows_of(found, sportmonks.CORRECTIONS)


# -- the plan


def resource(name: str) -> Any:
    return next(one for one in sportmonks.SOURCE.resources if one.name == name)


def test_a_plan_counts_pages_of_lists_by_their_last_length_and_batches_of_fixtures() -> None:
    settings = sportmonks.Settings()
    lists = [Unit("types", last_rows=120), Unit("rounds", last_rows=8001), Unit("fixtures")]
    assert resource("lists").calls(lists, settings) == 1 + 9 + 1
    units = [Unit(str(number)) for number in range(101)]
    assert resource("fixtures").calls(units, settings) == 3
    assert resource("fixtures").calls(units, sportmonks.Settings(batch_size=20)) == 6
    assert resource("topscorers").calls([Unit("1", last_rows=1001), Unit("2")], settings) == 3


def test_a_plan_says_that_it_is_an_estimate_before_the_first_list_and_why() -> None:
    seen = Unit("fixtures", last_success_at=NOW)
    assert "have not been listed yet" in (sportmonks.estimate({"lists": [Unit("fixtures")]}) or "")
    assert "on top" in (sportmonks.estimate({"lists": [seen]}) or "")
    assert sportmonks.estimate({"lists": [Unit("types")]}) is None


def test_chunks_are_narrowed_by_the_settings() -> None:
    conditions = resource("fixtures").conditions
    assert conditions(sportmonks.Settings()) == []
    (fewest, most) = conditions(sportmonks.Settings(min_chunk_size=20, max_chunks=3))
    assert "chunk_due_count >= 20" in fewest and "chunk_position <= 3" in most
