"""The simulated Sportmonks API over HTTP: envelopes, pages, limits, refusals, details and how they change with time."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import requests

from pipelines.sandbox import Sandbox, clubs, tables
from pipelines.sandbox.apis.sportmonks import EMPTY
from pipelines.sandbox.football import FINAL, Fixture, look
from pipelines.sandbox.seasons import HOUR, MINUTE, epoch, season_of
from pipelines.sandbox.world import DAY

NOW = "2026-11-22T15:50:00Z"  # a Sunday, with matches on
DETAILS = "participants;scores;events;statistics;lineups;periods"
MANY = 1_000_000


class Client:
    """Asks with the token; get() returns an answer as it is, data() what it is about."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.env = sandbox.env()
        self.http = requests.Session()
        self.headers = {"Authorization": self.env["SPORTMONKS_API_KEY"]}

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
        url = self.env["SPORTMONKS_API_URL"] + path
        return self.http.get(url, params=query, headers=self.headers if headers is None else headers, timeout=10)

    def body(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def data(self, path: str, **query: Any) -> Any:
        return self.body(path, **query)["data"]

    def walk(self, path: str, **query: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            body = self.body(path, **query)
            rows += body["data"]
            if not body["pagination"]["has_more"]:
                return rows
            query["cursor"] = body["pagination"]["next_cursor"]

    def fixture(self, number: int, **query: Any) -> dict[str, Any]:
        return self.data(f"/football/fixtures/{number}", **query)


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """A frozen sandbox for tests that change nothing."""
    with Sandbox(now=NOW, frozen=True, channels=10, requests_per_hour=MANY) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(shared: Sandbox) -> Client:
    return Client(shared)


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A frozen sandbox for a test that changes it."""
    with Sandbox(now=NOW, frozen=True, channels=10, requests_per_hour=MANY) as sandbox:
        yield sandbox


@pytest.fixture
def asker(own: Sandbox) -> Client:
    return Client(own)


def fated(sandbox: Sandbox, fate: str, year: int = 2025) -> Fixture:
    """Return the first fixture that a fate befalls."""
    seasons = (season for season in sandbox.football.seasons(epoch(2026, 11, 1)) if season.year == year)
    return next(f for season in seasons for f in sandbox.football.fixtures_of(season) if f.fate == fate)


def at(sandbox: Sandbox, moment: float) -> None:
    """Set the clock to epoch seconds."""
    sandbox.clock.advance(moment - sandbox.clock.time())


# -- envelopes


def test_a_list_comes_with_pagination_subscription_limit_and_time_zone(client: Client) -> None:
    body = client.body("/football/fixtures")
    assert list(body) == ["data", "pagination", "subscription", "rate_limit", "timezone"]
    assert body["pagination"] | {"next_cursor": 0} == {
        "count": 25, "per_page": 25, "current_page": 1, "next_cursor": 0, "has_more": True,
    }  # fmt: skip
    assert body["timezone"] == "UTC" and body["rate_limit"]["requested_entity"] == "Fixture"
    assert body["subscription"][0]["meta"]["current_timestamp"] == 1_795_362_600
    item = client.body(f"/football/fixtures/{body['data'][0]['id']}")
    assert item["data"] == body["data"][0] and "pagination" not in item


def test_an_empty_result_is_a_200_with_a_message_and_no_data(client: Client) -> None:
    paths = ("/football/fixtures/5", "/football/fixtures/multi/5,6", "/football/fixtures/date/2026-07-01",
             "/football/standings/seasons/5", "/football/leagues/1", "/football/teams/999999999999999999")  # fmt: skip
    for path in paths:
        body = client.body(path)
        assert body["message"] == EMPTY and "data" not in body and body["rate_limit"], path


@pytest.mark.parametrize("headers", [{}, {"Authorization": "wrong"}, {"Authorization": "Bearer {token}"}])
def test_the_raw_token_is_wanted_in_the_header_or_the_query(client: Client, headers: dict[str, str]) -> None:
    token = client.env["SPORTMONKS_API_KEY"]
    headers = {name: value.format(token=token) for name, value in headers.items()}
    refused = client.get("/football/states", headers)
    assert refused.status_code == 401 and refused.json()["message"] == "Please provide a valid API token"
    if not headers:
        assert client.get("/football/states", {}, api_token=token).status_code == 200


def test_wrong_paths_and_leagues_out_of_the_plan_are_refused(own: Sandbox, asker: Client) -> None:
    assert asker.get("/football/nowhere").status_code == asker.get("/").status_code == 404
    assert asker.get("/football/leagues/9099").json()["error"] == "Access Denied"
    next(api for api in own.apis if api.name == "sportmonks").outside_plan.add(9006)
    season = season_of(clubs.LEAGUE_BY_ID[9006], 2025)
    for path in ("leagues/9006", f"standings/seasons/{season.id}", f"schedules/seasons/{season.id}"):
        assert asker.get(f"/football/{path}").status_code == 403, path
    fixture = own.football.fixtures_of(season)[0].id
    assert "data" not in asker.body(f"/football/fixtures/{fixture}")
    assert "data" not in asker.body("/football/fixtures", filters="fixtureLeagues:9006")
    assert 9006 not in {row["id"] for row in asker.data("/football/leagues")}


# -- pages


def test_all_fixtures_are_listed_by_id_a_thousand_to_a_call(shared: Sandbox, client: Client) -> None:
    rows = client.walk("/football/fixtures", filters="populate", include="events")
    visible = list(shared.football.fixtures_at(shared.clock.time()))
    assert [row["id"] for row in rows] == [seen.fixture.id for seen in visible]
    assert [row["state_id"] for row in rows] == [seen.state for seen in visible]
    assert not any("events" in row for row in rows), "populated pages have no includes"
    record = shared.served[-1]
    assert record.path == "/football/fixtures" and record.body["pagination"]["next_cursor"] is None
    assert client.body("/football/fixtures", filters="populate")["pagination"]["per_page"] == 1000


def test_per_page_is_at_most_50_and_stops_populate(client: Client) -> None:
    for given, size in ((10, 10), (50, 50), (51, 50), (1000, 50)):
        assert client.body("/football/fixtures", per_page=given)["pagination"]["per_page"] == size
    body = client.body("/football/fixtures", filters="populate", per_page=1000, include="scores")
    assert body["pagination"]["count"] == 50 and "scores" in body["data"][0]


@pytest.mark.parametrize("path", ["/football/rounds", "/football/teams", "/football/standings", "/core/types"])
def test_pages_of_any_list_hold_every_row_once(client: Client, path: str) -> None:
    up = [row["id"] for row in client.walk(path, per_page=37)]
    assert up == sorted(set(up)) and len(up) > 50
    assert [row["id"] for row in client.walk(path, order="desc")] == up[::-1]
    assert [row["id"] for row in client.walk(path, filters=f"IdAfter:{up[40]}")] == up[41:]
    assert [row["id"] for row in client.data(path, page=2)] == up[25:50]
    assert client.data(f"{path}/{up[3]}" if path != "/football/standings" else path, page=1)


def test_a_cursor_is_a_place_in_the_list_and_not_a_number_of_rows(own: Sandbox, asker: Client) -> None:
    first = asker.body("/football/fixtures")
    cursor = first["pagination"]["next_cursor"]
    position = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    assert position[2] == [first["data"][-1]["id"]] and "=" not in cursor
    expected = asker.data("/football/fixtures", cursor=cursor)
    own.edits["fixtures"][first["data"][0]["id"]] = None
    assert asker.data("/football/fixtures", cursor=cursor) == expected
    assert len(asker.data("/football/fixtures")) == 24
    assert asker.get("/football/fixtures", cursor="nonsense").status_code == 400


def test_offsets_beyond_20000_rows_are_refused_and_cursors_are_not(client: Client) -> None:
    assert client.get("/football/fixtures", page=801).status_code == 200
    for query in ({"page": 802}, {"page": 402, "per_page": 50}):
        refused = client.get("/football/fixtures", **query)
        assert refused.status_code == 400 and refused.json()["code"] == 5003 and "rate_limit" not in refused.json()


def test_trap_of_old_paging_by_addresses() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, fixtures=60, traps={"old_paging"}, prefix="/x") as sandbox:
        client = Client(sandbox)
        body = client.body("/football/fixtures", api_token="secret", filters="fixtureLeagues:9010,9007")
        assert "next_cursor" not in body["pagination"] and "secret" not in body["pagination"]["next_page"]
        rows = body["data"]
        while body["pagination"]["next_page"]:
            body = client.http.get(body["pagination"]["next_page"], headers=client.headers).json()
            rows += body["data"]
        assert len({row["id"] for row in rows}) == 60 and body["pagination"]["current_page"] == 3


def test_trap_of_a_last_page_without_the_pagination_key() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, fixtures=30, traps={"no_pagination"}) as sandbox:
        first = Client(sandbox).body("/football/fixtures")
        last = Client(sandbox).body("/football/fixtures", cursor=first["pagination"]["next_cursor"])
        assert len(last["data"]) == 5 and "pagination" not in last


# -- filters and parameters


def test_filters_choose_leagues_seasons_and_states(client: Client) -> None:
    season = season_of(clubs.LEAGUE_BY_ID[9005], 2025).id
    rows = client.walk("/football/fixtures", filters=f"fixtureSeasons:{season};fixtureStates:12,17")
    assert {row["season_id"] for row in rows} == {season} and {row["state_id"] for row in rows} <= {12, 17}
    leagues = client.walk("/football/fixtures", filters="populate;FIXTURELEAGUES:9006,9007")
    assert {row["league_id"] for row in leagues} == {9006, 9007}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"include": "nonsense"}, 5001), ({"include": "events.nonsense"}, 5001),
        ({"include": "lineups.details.type.more"}, 5008), ({"filters": "eventless:1"}, 5010),
        ({"include": "events:nonsense"}, 5006), ({"filters": "fixtureLeagues:x"}, None),
        ({"filters": "IdAfter"}, None), ({"timezone": "Mars/Olympus"}, None), ({"order": "up"}, None),
        ({"per_page": "many"}, None), ({"page": "0"}, None),
    ],
)  # fmt: skip
def test_senseless_parameters_are_refused_without_a_rate_limit(
    client: Client, query: dict[str, str], code: int | None
) -> None:
    refused = client.get("/football/fixtures", **query)
    body = refused.json()
    assert refused.status_code == 400 and "rate_limit" not in body
    assert body.get("code") == code and (code or body["errors"])


def test_includes_are_not_allowed_everywhere(client: Client) -> None:
    assert client.get("/football/states", include="type").json()["code"] == 5000
    assert client.get("/football/fixtures", filters="deleted").status_code == 200
    assert client.get("/football/teams", filters="fixtureStates:1").json()["code"] == 5010


def test_a_time_zone_moves_the_text_and_not_the_number(client: Client) -> None:
    utc = client.data("/football/fixtures", per_page=1)[0]
    body = client.body("/football/fixtures", per_page=1, timezone="America/New_York")
    assert body["timezone"] == "America/New_York" and body["data"][0]["starting_at"] != utc["starting_at"]
    assert body["data"][0]["starting_at_timestamp"] == utc["starting_at_timestamp"]


def test_fixtures_of_a_day_a_span_and_a_team(client: Client) -> None:
    rows = client.walk("/football/fixtures/date/2026-11-22")
    assert rows and {row["starting_at"][:10] for row in rows} == {"2026-11-22"}
    span = client.walk("/football/fixtures/between/2026-11-15/2026-11-22")
    assert {row["id"] for row in rows} < {row["id"] for row in span}
    assert {row["starting_at"][:10] for row in span} <= {f"2026-11-{day}" for day in range(15, 23)}
    team = clubs.CLUBS[0]
    of_team = client.walk(f"/football/fixtures/between/2026-09-01/2026-11-22/{team}", include="participants")
    assert len(of_team) > 8 and all(team in {p["id"] for p in row["participants"]} for row in of_team)
    for path in ("date/soon", "between/2026-01-01/2026-04-12", "between/2026-01-02/2026-01-01"):
        assert client.get(f"/football/fixtures/{path}").status_code == 400, path


# -- the limit


def test_each_entity_has_a_window_of_an_hour_from_its_first_call_on() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, requests_per_hour=3) as sandbox:
        client = Client(sandbox)
        paths = ("/football/fixtures/5", "/football/livescores", "/football/fixtures?include=nonsense")
        answers = [client.get(path) for path in paths]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0"]
        assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"3"}
        sandbox.clock.advance(1800)
        assert client.get("/football/fixtures").status_code == 429
        assert client.body("/football/teams")["rate_limit"] == {
            "resets_in_seconds": 3600, "remaining": 2, "requested_entity": "Team",
        }  # fmt: skip
        sandbox.clock.advance(1799)
        assert client.get("/football/fixtures").status_code == 429
        sandbox.clock.advance(1)
        assert client.body("/football/fixtures")["rate_limit"]["remaining"] == 2
        assert sandbox.count("429") == 0, "the budget's refusals are no faults"


def test_refusals_of_the_limit_take_three_shapes_in_turn() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, requests_per_hour=1) as sandbox:
        client = Client(sandbox)
        client.get("/football/fixtures/5")
        sandbox.clock.advance(1753)
        shapes = [client.get("/football/fixtures/5") for _ in range(4)]
        assert {answer.status_code for answer in shapes} == {429}
        one, two, three, four = (answer.json() for answer in shapes)
        assert one == four and one["retry_after"] == one["rate_limit"]["resets_in_seconds"] == 1847
        assert two["rate_limit"]["resets_in"] == "30:47" and "retry_after" not in two
        assert three["code"] == 5005 and "rate_limit" not in three


def test_faults_have_the_apis_shapes_and_are_over_at_once(own: Sandbox, asker: Client) -> None:
    own.faults.set({"429": 1.0})
    assert asker.get("/football/teams").json()["retry_after"] == 1
    own.faults.set({"500": 1.0})
    assert set(asker.get("/football/teams").json()) == {"error", "message", "error_id"}
    own.faults.set({})
    own.force_401()
    assert [asker.get("/football/teams").status_code for _ in range(2)] == [401, 401]


# -- fixtures with details


def test_details_come_only_when_they_are_asked_for(client: Client) -> None:
    bare = client.data("/football/fixtures", per_page=1)[0]
    full = client.fixture(bare["id"], include=DETAILS + ";weatherReport;League;round;state")
    assert set(full) - set(bare) == {*DETAILS.split(";"), "weatherreport", "league", "round", "state"}
    assert {name: full[name] for name in bare} == bare and full["weatherreport"] == []
    assert (full["league"]["id"], full["round"]["id"]) == (bare["league_id"], bare["round_id"])


def test_a_finished_fixture_has_about_a_hundred_children_that_agree_with_its_score(
    shared: Sandbox, client: Client
) -> None:
    season = season_of(clubs.LEAGUE_BY_ID[9001], 2025)
    finished = [f for f in shared.football.fixtures_of(season) if not f.fate and sum(f.goals) > 1][:50]
    rows = client.data("/football/fixtures/multi/" + ",".join(str(f.id) for f in finished), include=DETAILS)
    assert [row["id"] for row in rows] == [fixture.id for fixture in finished]
    children = 0
    for fixture, row in zip(finished, rows, strict=True):
        sides = {p["meta"]["location"]: p for p in row["participants"]}
        teams = [sides["home"]["id"], sides["away"]["id"]]
        assert teams == [fixture.home, fixture.away] and row["name"].startswith(sides["home"]["name"])
        scores = {(s["description"], s["score"]["participant"]): s["score"]["goals"] for s in row["scores"]}
        assert {key[0] for key in scores} == {"CURRENT", "1ST_HALF", "2ND_HALF", "2ND_HALF_ONLY"}
        for side, goals, team in zip(("home", "away"), fixture.goals, teams, strict=True):
            assert scores["CURRENT", side] == scores["2ND_HALF", side] == goals
            assert scores["1ST_HALF", side] + scores["2ND_HALF_ONLY", side] == goals
            gained = [e for e in row["events"] if e["type_id"] in (14, 15, 16) and e["participant_id"] == team]
            assert len(gained) == goals
            (figure,) = [s for s in row["statistics"] if s["type_id"] == 52 and s["location"] == side]
            assert figure["data"] == {"value": goals}
            assert sides[side]["meta"]["winner"] == (goals > sum(fixture.goals) - goals)
            kinds = [line["type_id"] for line in row["lineups"] if line["team_id"] == team]
            assert (kinds.count(11), kinds.count(12)) == (11, 7)
        assert [period["type_id"] for period in row["periods"]] == [1, 2]
        names = ("participants", "scores", "events", "statistics", "lineups", "periods")
        for name in names[1:]:
            assert len({child["id"] for child in row[name]}) == len(row[name])
            assert {child["fixture_id"] for child in row[name]} == {row["id"]}
        children += sum(len(row[name]) for name in names)
    assert 90 < children / 50 < 120


def test_includes_nest_and_choose_fields(client: Client, shared: Sandbox) -> None:
    fixture = fated(shared, "rescinded_card").id
    row = client.fixture(fixture, include="events.player:name;lineups.details.type;scores:score;statistics.type")
    event = row["events"][0]
    assert event["player"] == {"id": event["player_id"], "name": event["player_name"]}
    assert set(row["scores"][0]) == {"id", "score"}
    starter = next(line for line in row["lineups"] if line["type_id"] == 11)
    assert starter["details"][0]["type"]["id"] == 119
    assert {s["type"]["id"] for s in row["statistics"]} == {s["type_id"] for s in row["statistics"]}


def test_more_than_50_ids_are_refused_and_unknown_ones_left_out(client: Client) -> None:
    ids = [row["id"] for row in client.data("/football/fixtures", per_page=50)]
    joined = ",".join(map(str, ids))
    assert client.get(f"/football/fixtures/multi/{joined},5").status_code == 400
    assert len(client.data(f"/football/fixtures/multi/{joined}")) == 50
    assert [row["id"] for row in client.data(f"/football/fixtures/multi/5,{ids[0]},7")] == ids[:1]
    assert client.get("/football/fixtures/multi/a,b").status_code == 400


def test_trap_of_queries_that_are_too_complex() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, fixtures=60, traps={"too_complex"}) as sandbox:
        client = Client(sandbox)
        ids = [str(row["id"]) for row in client.data("/football/fixtures", per_page=50)]
        refused = client.get("/football/fixtures/multi/" + ",".join(ids[:26]), include=DETAILS)
        assert refused.status_code == 400 and refused.json()["code"] == 5004
        assert client.get("/football/fixtures/multi/" + ",".join(ids[:25]), include=DETAILS).status_code == 200
        assert client.get("/football/fixtures/multi/" + ",".join(ids), include="events").status_code == 200


# -- time


def test_a_live_match_shows_what_has_happened_so_far(own: Sandbox, asker: Client) -> None:
    live = asker.data("/football/livescores/inplay", include=DETAILS)
    assert live and {row["state_id"] for row in live} <= {2, 3, 22}
    number = live[0]["id"]
    assert number in {row["id"] for row in asker.data("/football/livescores")}
    assert live[0]["result_info"] is None and live[0]["participants"][0]["meta"]["winner"] is None
    assert live[0]["periods"][-1]["ended"] is None and live[0]["periods"][-1]["ticking"] is True
    counts, scores = [], []
    for _ in range(5):
        row = asker.fixture(number, include=DETAILS)
        counts.append(len(row["events"]))
        current = [s["score"]["goals"] for s in row["scores"] if s["description"] == "CURRENT"]
        goals = [e for e in row["events"] if e["type_id"] in (14, 15, 16) and not e["rescinded"]]
        assert sum(current) == len(goals)
        scores.append(row["scores"])
        own.clock.advance(25 * MINUTE)
    assert counts == sorted(counts) and counts[-1] > counts[0]
    assert asker.fixture(number)["state_id"] == 5
    ids = [{score["id"]: score["description"] for score in row} for row in scores]
    assert all(before.items() <= after.items() for before, after in pairwise(ids))


def test_the_score_of_the_second_half_alone_comes_one_to_six_hours_late(own: Sandbox, asker: Client) -> None:
    def kinds(fixture: Fixture, moment: float) -> set[str]:
        at(own, moment)
        return {score["description"] for score in asker.fixture(fixture.id, include="scores")["scores"]}

    played = [f for f in own.football.fixtures_of(season_of(clubs.LEAGUE_BY_ID[9001], 2025)) if not f.fate]
    for fixture in played[::25]:
        assert "2ND_HALF" in kinds(fixture, fixture.final_at)
        assert "2ND_HALF_ONLY" not in kinds(fixture, fixture.final_at + HOUR - 1)
        assert "2ND_HALF_ONLY" in kinds(fixture, fixture.final_at + 6 * HOUR)


def test_a_correction_and_an_award_change_what_was_final(own: Sandbox, asker: Client) -> None:
    def current(fixture: Fixture, moment: float) -> list[int]:
        at(own, moment)
        row = asker.fixture(fixture.id, include="scores")
        return [score["score"]["goals"] for score in row["scores"] if score["description"] == "CURRENT"]

    for fate, goals in (("corrected", None), ("awarded", [0, 3])):
        fixture = fated(own, fate)
        before = current(fixture, fixture.fate_at - 1)
        info = asker.fixture(fixture.id)["result_info"]
        after = current(fixture, fixture.fate_at)
        assert before == list(look(fixture, fixture.fate_at - 1).goals)
        assert after == list(look(fixture, fixture.fate_at).goals) and sorted(after) == (goals or sorted(after))
        assert info is not None and asker.fixture(fixture.id)["state_id"] == (17 if goals else 5)
    assert asker.fixture(fixture.id)["result_info"] != info


def test_postponed_deleted_and_merged_fixtures(own: Sandbox, asker: Client) -> None:
    fixture = fated(own, "postponed")
    at(own, fixture.fate_at)
    before = asker.fixture(fixture.id)
    at(own, fixture.redated_at)
    after = asker.fixture(fixture.id)
    assert (before["state_id"], after["state_id"]) == (10, 1) and before["starting_at"] < after["starting_at"]
    for fate, found in (("deleted", [20]), ("merged", [])):
        fixture = fated(own, fate)
        path = f"/football/fixtures/multi/{fixture.id}"
        at(own, fixture.fate_at - 1)
        assert asker.data(path)[0]["state_id"] == 1 and "data" not in asker.body(path, filters="deleted")
        at(own, fixture.fate_at)
        assert "data" not in asker.body(path)
        gone = asker.body(path, filters="deleted").get("data", [])
        assert [row["state_id"] for row in gone] == found
        day = asker.body(f"/football/fixtures/date/{before['starting_at'][:10]}", filters="deleted")
        assert all(row["state_id"] == 20 for row in day.get("data", []))


def test_stand_ins_turn_into_teams_under_the_same_fixture(own: Sandbox, asker: Client) -> None:
    fixture = own.football.fixtures_of(season_of(clubs.LEAGUE_BY_ID[9007], 2025))[-1]
    at(own, fixture.filled_at - 1)
    before = asker.fixture(fixture.id, include="participants;lineups")
    assert before["placeholder"] and all(team["placeholder"] for team in before["participants"])
    at(own, fixture.filled_at)
    after = asker.fixture(fixture.id, include="participants")
    assert not after["placeholder"] and {p["id"] for p in after["participants"]} == {fixture.home, fixture.away}


def test_a_new_season_is_listed_from_the_first_of_june_on(own: Sandbox, asker: Client) -> None:
    def seasons() -> set[str]:
        return {row["name"] for row in asker.walk("/football/seasons") if row["is_current"]}

    at(own, epoch(2026, 6, 1) - 1)
    new = own.football.fixtures_of(season_of(clubs.LEAGUE_BY_ID[9001], 2026))[0].id
    assert "data" not in asker.body(f"/football/fixtures/{new}")
    before = len(asker.walk("/football/fixtures", filters="populate"))
    assert seasons() == {"2025/2026"}
    at(own, epoch(2026, 6, 1))
    assert asker.fixture(new)["state_id"] == 1
    assert seasons() == {"2026/2027"} and len(asker.walk("/football/fixtures", filters="populate")) > before + 1500


# -- tables, scorers, schedules, lists


def test_standings_are_the_true_table_as_known_now(shared: Sandbox, client: Client) -> None:
    for league, year in ((9003, 2025), (9003, 2026), (9005, 2025)):
        season = season_of(clubs.LEAGUE_BY_ID[league], year)
        truth = tables.standings(shared.football, season.id, known=shared.clock.time())
        rows = client.walk(f"/football/standings/seasons/{season.id}", include="participant;details")
        rows.sort(key=lambda row: row["position"])
        assert [(row["participant_id"], row["points"]) for row in rows] == [(t.listed_id, t.points) for t in truth]
        details = {item["type_id"]: item["value"] for item in rows[0]["details"]}
        best = truth[0]
        assert [details[kind] for kind in (129, 133, 136, 144, 179, 187)] == [
            best.played, best.goals_for, best.home.won, best.away.lost, best.goal_difference, best.points,
        ]  # fmt: skip
        assert rows[0]["participant"]["id"] == best.listed_id


def test_a_correction_of_a_table_is_served_from_its_date_on(own: Sandbox, asker: Client) -> None:
    season = season_of(clubs.LEAGUE_BY_ID[9001], 2025)
    (deduction,) = own.football.deductions_of(season)
    path = f"/football/standings/corrections/seasons/{season.id}"
    at(own, deduction.at - 1)
    assert "data" not in asker.body(path)
    at(own, deduction.at)
    (row,) = asker.data(path)
    assert (row["participant_id"], row["value"], row["calc_type"]) == (deduction.team, deduction.points, "-")
    assert row["active"] is True and row["created_at"].startswith("2025-")
    if deduction.revised_at:
        at(own, deduction.revised_at)
        (later,) = asker.data(path)
        assert (later["id"], later["created_at"]) == (row["id"], row["created_at"]) and later != row


def test_top_scorers_and_schedules(shared: Sandbox, client: Client) -> None:
    season = season_of(clubs.LEAGUE_BY_ID[9006], 2026)
    truth = tables.top_scorers(shared.football, season.id, known=shared.clock.time())
    rows = client.walk(f"/football/topscorers/seasons/{season.id}")
    assert {row["player_id"]: (row["position"], row["total"]) for row in rows} == {
        scorer.player_id: (scorer.position, scorer.goals) for scorer in truth
    }
    (stage,) = client.data(f"/football/schedules/seasons/{season.id}")
    fixtures = [row for part in stage["rounds"] for row in part["fixtures"]]
    assert [part["name"] for part in stage["rounds"]] == [str(number) for number in range(1, 23)]
    assert len(fixtures) >= 132 and all(len(row["participants"]) == 2 for row in fixtures)
    assert any(row["scores"] for row in fixtures if row["state_id"] in FINAL)


def test_lists_refer_to_each_other(client: Client) -> None:
    lists = ("leagues", "seasons", "stages", "rounds", "teams", "venues", "states")
    rows = {thing: client.walk(f"/football/{thing}", filters="populate") for thing in lists}
    ids = {thing: {row["id"] for row in found} for thing, found in rows.items()}
    assert {row["league_id"] for row in rows["seasons"]} == ids["leagues"]
    assert (
        {row["season_id"] for row in rows["stages"]} == {row["season_id"] for row in rows["rounds"]} == ids["seasons"]
    )
    assert {row["venue_id"] for row in rows["teams"]} - {None} == ids["venues"]
    assert {row["type_id"] for row in rows["stages"]} == {223, 224}
    for row in client.walk("/football/fixtures", filters="populate"):
        assert row["league_id"] in ids["leagues"] and row["season_id"] in ids["seasons"]
        assert (
            row["stage_id"] in ids["stages"] and row["round_id"] in ids["rounds"] and row["state_id"] in ids["states"]
        )
        assert row["venue_id"] in ids["venues"] or row["placeholder"]
    names = {row["id"] for row in client.walk("/core/types", filters="populate")}
    assert {14, 15, 16, 34, 52, 86, 129, 146, 179, 187, 208, 223, 1525, 48996} <= names


# -- edits


def test_edits_change_and_remove_what_is_served_details_included(own: Sandbox, asker: Client) -> None:
    one, two, three = (row["id"] for row in asker.data("/football/fixtures", per_page=3))
    own.edits["fixtures"] |= {one: {"name": 5}, two: None, three: lambda row: {**row, "scores": row["scores"][:1]}}
    rows = asker.data(f"/football/fixtures/multi/{one},{two},{three}", include="scores")
    assert [row["id"] for row in rows] == [one, three]
    assert rows[0]["name"] == 5 and len(rows[1]["scores"]) == 1 < len(rows[0]["scores"])
    del own.edits["fixtures"][three]
    assert [row["id"] for row in asker.data("/football/fixtures", per_page=3)] == [one, three]
    for thing in ("leagues", "seasons", "teams", "standings"):
        row = asker.data(f"/football/{thing}")[0]
        own.edits[thing][row["id"]] = {"extra": True}
        assert asker.data(f"/football/{thing}")[0] == {**row, "extra": True}
    season = season_of(clubs.LEAGUE_BY_ID[9001], 2025)
    path = f"/football/standings/corrections/seasons/{season.id}"
    own.edits["corrections"][asker.data(path)[0]["id"]] = None
    assert "data" not in asker.body(path)


def test_two_sandboxes_of_one_seed_give_the_same_bytes() -> None:
    def bodies(seed: int, warm_up: bool) -> list[bytes]:
        with Sandbox(seed=seed, now=NOW, frozen=True, channels=10, fixtures=700) as sandbox:
            client = Client(sandbox)
            if warm_up:
                sandbox.clock.advance(-100 * DAY)
                client.walk("/football/fixtures", filters="populate")
                sandbox.clock.set(NOW)
            ids = [str(seen.fixture.id) for seen in sandbox.football.fixtures_at(sandbox.clock.time())][:40]
            path = "/football/fixtures/multi/" + ",".join(ids)
            bodies = client.data(path, include=DETAILS), client.data("/football/teams")
            return [json.dumps(body).encode() for body in bodies]

    first, again, other = bodies(7, False), bodies(7, True), bodies(8, False)
    assert first == again and first[0] != other[0] and first[1] == other[1]


def test_the_command_line_sets_the_size_and_the_budget(capsys: pytest.CaptureFixture[str]) -> None:
    from pipelines.sandbox.server import serve

    for options in (["--fixtures", "100001"], ["--requests-per-hour", "0"]):
        with pytest.raises(SystemExit) as ended:
            serve(options)
        assert ended.value.code == 2 and "error" in capsys.readouterr().err
