"""Sportmonks Football API v3 over the simulated football world.

Envelopes, paging, limits and errors follow the API's documentation and answers recorded in public client libraries.
Order of the checks of one request: budget, credentials, parameters. The rows are in sportmonks_rows.py, what can be
included in them in sportmonks_includes.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, tzinfo
from itertools import islice
from math import ceil
from typing import Any
from urllib.parse import urlencode

from pipelines.sandbox import football, tables
from pipelines.sandbox.apis import sportmonks_rows as rows
from pipelines.sandbox.apis.base import Answer, Call, Route, Row, Setting
from pipelines.sandbox.apis.sportmonks_includes import Includes, Tree
from pipelines.sandbox.apis.sportmonks_requests import (
    Filters,
    Problem,
    day,
    decode_cursor,
    denied,
    encode_cursor,
    filters_of,
    ids,
    invalid,
    problem,
    whole,
    zone_of,
)
from pipelines.sandbox.clubs import LEAGUES, TEAMS
from pipelines.sandbox.football import LIVE, Fixture, look
from pipelines.sandbox.limits import Budget, Windows
from pipelines.sandbox.seasons import LEAGUE_IDS, MINUTE, Season, epoch
from pipelines.sandbox.world import DAY

TOKEN = "airtimesandboxtoken00000000000000000000000000000000"
MOUNT = "/sportmonks/v3"
MAX_BATCH, MAX_DAYS, MAX_OFFSET, MAX_HEAVY = 50, 100, 20_000, 25
PER_PAGE, MAX_PER_PAGE, POPULATED = 25, 50, 1000
HIGHEST = 2**62
UNKNOWN_LEAGUE = 9099  # exists, but no plan of this sandbox includes it
EMPTY = (
    "No result(s) found matching your request. Either the query did not return any results or you don't have access "
    "to it via your current subscription."
)
# the second part of a path -> which budget it draws from
ENTITIES = {
    "fixtures": "Fixture", "livescores": "Fixture", "teams": "Team", "leagues": "League", "seasons": "Season",
    "types": "Type", "venues": "Venue", "stages": "Stage", "rounds": "Round", "states": "State",
    "standings": "Standing", "topscorers": "Topscorer", "schedules": "Schedule",
}  # fmt: skip

# yields (id, row) with low < id < high, by id upwards or downwards
Source = Callable[[int, int, bool], Iterable[tuple[int, Row]]]


def entity(path: str) -> str:
    """Return the budget that a path draws from."""
    parts = path.split("/")
    return ENTITIES.get(parts[2] if len(parts) > 2 else "", "Resource")


def listed(items: Iterable[tuple[int, Callable[[], Row]]]) -> Source:
    """Return a source of rows that are made when their page is asked for; items come in the order of their ids."""
    held = list(items)

    def between(low: int, high: int, down: bool) -> Iterator[tuple[int, Row]]:
        return ((number, make()) for number, make in (reversed(held) if down else held) if low < number < high)

    return between


class Sportmonks:
    """Sportmonks Football v3: fixtures with details, live scores, leagues to venues, tables, scorers, schedules.

    outside_plan: ids of leagues that the plan does not include; a test may add to them.
    """

    name = "sportmonks"
    resources = ("fixtures", "leagues", "seasons", "teams", "standings", "corrections")

    def __init__(self, setting: Setting) -> None:
        self.football = setting.football
        self.edits = setting.edits
        self.traps = setting.traps
        self.limits = Windows(setting.requests_per_hour, setting.time)
        self.outside_plan = {UNKNOWN_LEAGUE}
        self.includes = Includes(setting.football)
        self._revoked = False
        self._refusals = 0

    def routes(self) -> Iterable[Route]:
        """Return every endpoint; the last one catches what does not exist."""
        endpoints = {
            "/football/fixtures": self.fixtures, "/football/fixtures/{id}": self.fixture,
            "/football/fixtures/multi/{ids}": self.fixtures_by_ids,
            "/football/fixtures/date/{start}": self.fixtures_between,
            "/football/fixtures/between/{start}/{end}": self.fixtures_between,
            "/football/fixtures/between/{start}/{end}/{team}": self.fixtures_between,
            "/football/livescores": self.livescores, "/football/livescores/inplay": self.livescores,
            "/football/standings": self.all_standings, "/football/standings/seasons/{id}": self.standings,
            "/football/standings/corrections/seasons/{id}": self.corrections,
            "/football/topscorers/seasons/{id}": self.top_scorers,
            "/football/schedules/seasons/{id}": self.schedule,
        }  # fmt: skip
        for thing, source in (
            ("leagues", self._leagues), ("seasons", self._seasons), ("stages", self._stages),
            ("rounds", self._rounds), ("teams", self._teams), ("venues", self._venues), ("states", self._states),
        ):  # fmt: skip
            endpoints[f"/football/{thing}"] = self._list_of(thing, source)
            endpoints[f"/football/{thing}/{{id}}"] = self._item_of(thing, source)
        endpoints["/core/types"] = self._list_of("types", self._types)
        endpoints["/core/types/{id}"] = self._item_of("types", self._types)
        for path, handler in endpoints.items():
            yield Route("GET", MOUNT, path, self._checked(handler))
        yield Route("*", MOUNT, "/{rest:.*}", self._checked(self.not_found))

    def env(self, base: str) -> dict[str, str]:
        """Return the settings that point a client here."""
        return {"SPORTMONKS_API_URL": base + MOUNT, "SPORTMONKS_API_KEY": TOKEN}

    def bucket(self, call: Call) -> str:
        """Return the kind of thing that is asked for: each has a budget of its own."""
        return entity(call.path)

    def limit_headers(self, budget: Budget, now: float) -> dict[str, str]:
        """Return the two headers of every answer; none of them tells when the window ends."""
        return {"x-ratelimit-limit": str(budget.limit), "x-ratelimit-remaining": str(budget.remaining)}

    def error(self, route: Route, status: int, message: str | None = None) -> Answer:
        """Return an error. Those of the limit take three shapes in turn, as the documentation has three."""
        if status != 429:
            number = f"err_{status}_{self._refusals:06d}"
            return Answer(
                status, {"error": "Server Error", "message": message or "Try again later.", "error_id": number}
            )
        left = self.limits.peek(f"{self.name}:{entity(route.path)}")
        # a refusal with budget left is a fault: it is over at once
        wait = 1 if left.remaining else max(1, ceil(left.seconds_to_full))
        limit = {"remaining": 0, "total": left.limit, "requested_entity": entity(route.path)}
        text = f"Rate limit of {left.limit} requests per hour exceeded."
        self._refusals += 1
        match self._refusals % 3:
            case 1:
                rate_limit = {**limit, "resets_in_seconds": wait}
                body = {"error": "Too Many Requests", "message": text, "retry_after": wait, "rate_limit": rate_limit}
            case 2:
                rate_limit = {**limit, "resets_in": f"{wait // 60:02d}:{wait % 60:02d}"}
                body = {"error": "Too Many Requests", "message": text, "rate_limit": rate_limit}
            case _:
                body = problem(5005, text, 429).body
        return Answer(429, body)

    def revoke(self, call: Call) -> None:
        """Make the token invalid from now on."""
        self._revoked = True

    def not_found(self, call: Call) -> Answer:
        """Refuse a path that does not exist."""
        return Answer(404, {"error": "Not Found", "message": "The requested resource could not be found."})

    def _checked(self, handler: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        def checked(call: Call) -> Answer:
            token = call.headers.get("Authorization") or call.one("api_token")
            if token != TOKEN or self._revoked:
                return Answer(401, {"error": "Unauthenticated.", "message": "Please provide a valid API token"})
            try:
                return handler(call)
            except Problem as refused:
                return Answer(refused.status, refused.body)

        return checked

    # -- envelopes and pages

    def _answer(self, call: Call, data: Any, pagination: Row | None = None) -> Answer:
        """Return a good answer; without data it is a message in its place."""
        body: Row = {"data": data} if data else {"message": EMPTY}
        if pagination is not None:
            body["pagination"] = pagination
        if call.budget is not None:
            body |= self._about(call, call.budget)
        return Answer(200, body)

    def _about(self, call: Call, budget: Budget) -> Row:
        plan = {"plan": "Sandbox", "sport": "Football", "category": "Advanced"}
        meta = {"trial_ends_at": None, "ends_at": None, "current_timestamp": int(call.now)}
        return {
            "subscription": [{"meta": meta, "plans": [plan], "add_ons": [], "widgets": [], "bundles": []}],
            "rate_limit": {
                "resets_in_seconds": ceil(budget.seconds_to_full), "remaining": budget.remaining,
                "requested_entity": entity(call.path),
            },
            "timezone": call.one("timezone") or "UTC",
        }  # fmt: skip

    def _served(self, resource: str, row: Row) -> Row | None:
        edits = self.edits.get(resource)
        return self.edits.apply(resource, row["id"], row) if edits else row

    def _is_populated(self, call: Call, filters: Filters) -> bool:
        return filters.populate and call.one("per_page") is None

    def _tree(self, call: Call, filters: Filters, thing: str) -> Tree:
        """Return the includes of a list; populated pages have none."""
        tree = self.includes.tree(call.one("include"), thing)
        return Tree() if self._is_populated(call, filters) else tree

    def _page(self, call: Call, source: Source, filters: Filters, served: Callable[[Row], Row | None]) -> Answer:
        """Answer with one page. Each row is given to `served`, which adds what is included and what was edited."""
        size = POPULATED if self._is_populated(call, filters) else min(whole(call, "per_page", PER_PAGE), MAX_PER_PAGE)
        number, cursor, order = whole(call, "page", 1), call.one("cursor"), call.one("order") or "asc"
        if order not in ("asc", "desc"):
            raise invalid("order", "The selected order is invalid.")
        low, high, skip = filters.id_after, HIGHEST, 0
        if cursor:
            number = 1
            position = decode_cursor(cursor)
            low, high = (low, min(high, position)) if order == "desc" else (max(low, position), high)
        else:
            skip = (number - 1) * size
            if skip > MAX_OFFSET:
                raise problem(5003, f"The page can not lie beyond {MAX_OFFSET} rows; use a cursor.")
        found = list(islice(source(low, high, order == "desc"), skip, skip + size + 1))
        more = len(found) > size
        page = [row for row in (served(row) for _, row in found[:size]) if row is not None]
        pagination: Row = {"count": len(page), "per_page": size, "current_page": number}
        if "old_paging" in self.traps:
            pagination["next_page"] = self._next_page(call, number + 1) if more else None
        else:
            pagination["next_cursor"] = encode_cursor(found[size - 1][0]) if more else None
        pagination["has_more"] = more
        if not page and not more:
            return self._answer(call, None)
        answer = self._answer(call, page, None if "no_pagination" in self.traps and not more else pagination)
        if not page:  # all rows of a page in the middle were edited away
            answer.body.pop("message")
            answer.body["data"] = []
        return answer

    def _next_page(self, call: Call, number: int) -> str:
        kept = [(name, value) for name, value in call.query if name not in ("page", "api_token")]
        return f"{call.url}?{urlencode([*kept, ('page', str(number))])}"

    def _in_plan(self, season_id: str, resource: str) -> Season | None:
        """Return a season of a path, None if there is none; refuse one that is out of the plan."""
        season = self.football.season(ids(season_id, "id")[0])
        if season and season.league.id in self.outside_plan:
            raise denied(resource)
        return season

    # -- leagues, seasons and other lists; each is a source

    def _list_of(self, thing: str, source: Callable[[Call], Source]) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            filters = filters_of(call, for_fixtures=False)
            tree = self._tree(call, filters, thing)
            add = lambda row: self._served(thing, self.includes.add(thing, row, tree, call.now))
            return self._page(call, source(call), filters, add)

        return answer

    def _item_of(self, thing: str, source: Callable[[Call], Source]) -> Callable[[Call], Answer]:
        def answer(call: Call) -> Answer:
            number = ids(call.captured["id"], "id")[0]
            if thing == "leagues" and number in self.outside_plan:
                raise denied("League")
            tree = self.includes.tree(call.one("include"), thing)
            found = next(iter(source(call)(number - 1, number + 1, False)), None)
            row = self._served(thing, self.includes.add(thing, found[1], tree, call.now)) if found else None
            return self._answer(call, row)

        return answer

    def _known_seasons(self, now: float) -> list[Season]:
        return [season for season in self.football.seasons(now) if season.league.id not in self.outside_plan]

    def _leagues(self, call: Call) -> Source:
        latest: dict[int, list[Season]] = {}
        for season in self._known_seasons(call.now):
            latest.setdefault(season.league.id, []).append(season)

        def played(league: int) -> int | None:
            kicked_off = (
                fixture.kickoff for season in latest[league][-2:] for fixture in self.football.fixtures_of(season)
            )
            return max((moment for moment in kicked_off if moment <= call.now), default=None)

        return listed(
            (league.id, lambda league=league: rows.league(league, played(league.id)))
            for league in LEAGUES if league.id in latest
        )  # fmt: skip

    def _seasons(self, call: Call) -> Source:
        return listed(
            (season.id, lambda season=season: self.includes.season_row(season, call.now))
            for season in self._known_seasons(call.now)
        )

    def _stages(self, call: Call) -> Source:
        return listed(
            (rows.stage_id(season), lambda season=season: rows.stage(season, call.now))
            for season in self._known_seasons(call.now)
        )

    def _rounds(self, call: Call) -> Source:
        seasons = self._known_seasons(call.now)

        def between(low: int, high: int, down: bool) -> Iterator[tuple[int, Row]]:
            for season in reversed(seasons) if down else seasons:
                if rows.round_id(season, 60) > low and rows.round_id(season, 0) < high:
                    held = self.includes.rounds_of(season)
                    for number, (first, last) in reversed(held.items()) if down else held.items():
                        if low < rows.round_id(season, number) < high:
                            row = rows.round_(season, number, first, last, call.now)
                            yield row["id"], row

        return between

    def _teams(self, call: Call) -> Source:
        return listed((team.id, lambda team=team: rows.team(team)) for team in TEAMS.values())

    def _venues(self, call: Call) -> Source:
        grounds = {team.venue: team for team in reversed(TEAMS.values()) if team.venue}
        return listed((number, lambda number=number: rows.venue(grounds[number])) for number in sorted(grounds))

    def _states(self, call: Call) -> Source:
        return listed((number, lambda row=row: dict(row)) for number, row in rows.STATE_ROWS.items())

    def _types(self, call: Call) -> Source:
        return listed((number, lambda row=row: dict(row)) for number, row in sorted(rows.TYPE_ROWS.items()))

    # -- tables

    def _standing_rows(self, season: Season, now: float) -> Iterator[Row]:
        if now >= season.published:
            lines = tables.standings(self.football, season.id, known=now)
            yield from (rows.standing(season, line) for line in lines)

    def _tables(self, call: Call, seasons: Iterable[Season]) -> Answer:
        held, filters = list(seasons), filters_of(call, for_fixtures=False)
        tree = self._tree(call, filters, "standings")

        def between(low: int, high: int, down: bool) -> Iterator[tuple[int, Row]]:
            for season in reversed(held) if down else held:
                if (season.id + 1) * 100 > low and season.id * 100 < high:
                    lines = sorted((row["id"], row) for row in self._standing_rows(season, call.now))
                    yield from (line for line in (reversed(lines) if down else lines) if low < line[0] < high)

        add = lambda row: self._served("standings", self.includes.add("standings", row, tree, call.now))
        return self._page(call, between, filters, add)

    def all_standings(self, call: Call) -> Answer:
        """Serve the tables of all seasons."""
        return self._tables(call, self._known_seasons(call.now))

    def standings(self, call: Call) -> Answer:
        """Serve the table of a season."""
        season = self._in_plan(call.captured["id"], "Standing")
        return self._tables(call, [season] if season else [])

    def corrections(self, call: Call) -> Answer:
        """Serve the deductions of a season, those that have become inactive too."""
        season = self._in_plan(call.captured["id"], "StandingCorrection")
        known = [item for item in self.football.deductions_of(season) if item.at <= call.now] if season else []
        source = listed((item.id, lambda item=item: rows.correction(item, call.now)) for item in known)
        return self._page(call, source, filters_of(call, False), lambda row: self._served("corrections", row))

    def top_scorers(self, call: Call) -> Answer:
        """Serve who scored how often in a season."""
        season = self._in_plan(call.captured["id"], "Topscorer")
        filters = filters_of(call, for_fixtures=False)
        tree = self._tree(call, filters, "topscorers")
        scorers = tables.top_scorers(self.football, season.id, call.now) if season else []
        made = sorted((row["id"], row) for row in (rows.top_scorer(season, scorer) for scorer in scorers if season))
        source = listed((number, lambda row=row: row) for number, row in made)
        return self._page(call, source, filters, lambda row: self.includes.add("topscorers", row, tree, call.now))

    # -- fixtures

    def _zone(self, call: Call) -> tzinfo:
        name = call.one("timezone")
        return zone_of(name) if name else UTC

    def _seen(self, fixture: Fixture, now: float, deleted: bool) -> bool:
        if fixture.season.league.id in self.outside_plan:
            return False
        shown = self.football.is_deleted if deleted else self.football.is_visible
        return shown(fixture, now)

    def _adder(self, call: Call, tree: Tree) -> Callable[[Row], Row | None]:
        def add(row: Row) -> Row | None:
            fixture = self.football.fixture(row["id"])
            if tree and fixture:
                row = self.includes.add_to_fixture(row, look(fixture, call.now), tree, call.now)
            return self._served("fixtures", row)

        return add

    def _fixture_source(
        self, call: Call, filters: Filters, seasons: Iterable[Season], wanted: Callable[[football.Look], bool]
    ) -> Source:
        now, zone = call.now, self._zone(call)
        held = [
            season for season in seasons
            if (not filters.leagues or season.league.id in filters.leagues)
            and (not filters.seasons or season.id in filters.seasons)
        ]  # fmt: skip

        def between(low: int, high: int, down: bool) -> Iterator[tuple[int, Row]]:
            for season in reversed(held) if down else held:
                if season.first_id + LEAGUE_IDS <= low or season.first_id >= high:
                    continue
                fixtures = self.football.fixtures_of(season)
                for fixture in reversed(fixtures) if down else fixtures:
                    if low < fixture.id < high and self._seen(fixture, now, filters.deleted):
                        seen = look(fixture, now)
                        if (not filters.states or seen.state in filters.states) and wanted(seen):
                            yield fixture.id, rows.fixture(seen, zone)

        return between

    def fixtures(self, call: Call) -> Answer:
        """Serve all fixtures; populated pages hold a thousand and no includes."""
        return self._fixtures(call, self._known_seasons(call.now), lambda seen: True)

    def _fixtures(self, call: Call, seasons: Iterable[Season], wanted: Callable[[football.Look], bool]) -> Answer:
        filters = filters_of(call, for_fixtures=True)
        tree = self._tree(call, filters, "fixtures")
        source = self._fixture_source(call, filters, seasons, wanted)
        return self._page(call, source, filters, self._adder(call, tree))

    def fixtures_between(self, call: Call) -> Answer:
        """Serve the fixtures of one day, or of a span of up to 100 days, of one team if it is given."""
        first = day(call.captured["start"])
        last = day(call.captured.get("end", call.captured["start"]))
        if not 0 <= (last - first).days <= MAX_DAYS:
            raise invalid("date", f"The dates must lie at most {MAX_DAYS} days apart, the earlier one first.")
        start, end = epoch(first.year, first.month, first.day), epoch(last.year, last.month, last.day) + DAY
        team = ids(call.captured["team"], "team")[0] if "team" in call.captured else None
        seasons = [season for season in self._known_seasons(call.now) if season.start < end and season.end > start]
        return self._fixtures(
            call, seasons,
            lambda seen: start <= seen.starting_at < end and (team is None or team in (seen.home, seen.away)),
        )  # fmt: skip

    def _by_ids(self, call: Call, numbers: Iterable[int]) -> list[Row]:
        filters, zone = filters_of(call, for_fixtures=True), self._zone(call)
        tree = self.includes.tree(call.one("include"), "fixtures")
        found = (self.football.fixture(number) for number in numbers)
        kept = [fixture for fixture in found if fixture and self._seen(fixture, call.now, filters.deleted)]
        if "too_complex" in self.traps and len(kept) > MAX_HEAVY and {"events", "lineups"} <= tree.keys():
            raise problem(5004, "The query is too complex; ask for fewer fixtures or includes at once.")
        add = self._adder(call, tree)
        made = (add(rows.fixture(look(fixture, call.now), zone)) for fixture in kept)
        return [row for row in made if row is not None]

    def fixture(self, call: Call) -> Answer:
        """Serve one fixture."""
        found = self._by_ids(call, ids(call.captured["id"], "id")[:1])
        return self._answer(call, found[0] if found else None)

    def fixtures_by_ids(self, call: Call) -> Answer:
        """Serve up to 50 fixtures; those that are not there are left out without a word."""
        numbers = ids(call.captured["ids"], "ids")
        if len(numbers) > MAX_BATCH:
            raise invalid("ids", f"The ids may not have more than {MAX_BATCH} items.")
        return self._answer(call, self._by_ids(call, sorted(set(numbers))))

    def livescores(self, call: Call) -> Answer:
        """Serve what is on, and unless only that is asked for, what begins or ended within 15 minutes."""
        now, only_live = call.now, call.path.endswith("inplay")
        tree = self.includes.tree(call.one("include"), "fixtures")

        def is_on(seen: football.Look) -> bool:
            if seen.state in LIVE:
                return True
            begins = seen.state == football.NS and now < seen.starting_at <= now + 15 * MINUTE
            ended = seen.state in football.FINAL and now < seen.fixture.final_at + 15 * MINUTE
            return not only_live and (begins or ended)

        seasons = [season for season in self._known_seasons(now) if season.start < now + DAY < season.end + 2 * DAY]
        source = self._fixture_source(call, filters_of(call, for_fixtures=True), seasons, is_on)
        add = self._adder(call, tree)
        made = (add(row) for _, row in source(0, HIGHEST, False))
        return self._answer(call, [row for row in made if row is not None])

    def schedule(self, call: Call) -> Answer:
        """Serve a season as stages, rounds, and fixtures with participants and scores."""
        season = self._in_plan(call.captured["id"], "Schedule")
        if season is None or call.now < season.published:
            return self._answer(call, None)
        add = self._adder(call, self.includes.tree("participants;scores", "fixtures"))
        spans = self.includes.rounds_of(season)
        rounds = {number: rows.round_(season, number, *span, call.now) for number, span in spans.items()}
        for row in rounds.values():
            row["fixtures"] = []
        for fixture in self.football.fixtures_of(season):
            if self._seen(fixture, call.now, deleted=False):
                row = add(rows.fixture(look(fixture, call.now), self._zone(call)))
                if row is not None:
                    rounds[fixture.round]["fixtures"].append(row)
        return self._answer(call, [{**rows.stage(season, call.now), "rounds": list(rounds.values())}])
