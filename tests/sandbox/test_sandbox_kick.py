"""Kick as the sandbox plays it: fields, checks, paging, tokens, its own budget and what changes with time."""

from __future__ import annotations

import itertools
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from pipelines.sandbox import Sandbox
from pipelines.sandbox.apis.kick_categories import OTHER_NAMES, category_name
from pipelines.sandbox.world import UNLISTED, World

NOW = "2026-03-04T20:00:00Z"
STREAMS, USERS = "/public/v2/livestreams", "/public/v1/users/livestreams"
CHANNELS, CATEGORIES = "/public/v1/channels", "/public/v2/categories"
INVALID = (400, {"data": {}, "message": "Invalid request"})


class Client:
    """Holds one app token; get() returns the answer of a path as it is."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.env = sandbox.env()
        self.http = requests.Session()
        self.login()

    def login(self, **changes: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.env["KICK_CLIENT_ID"],
            "client_secret": self.env["KICK_CLIENT_SECRET"],
        }
        answer = self.post("/token", data={**form, **changes})
        if answer.ok:
            self.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return answer

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.http.post(self.env["KICK_AUTH_URL"] + path, timeout=10, **options)

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
        headers = self.headers if headers is None else headers
        return self.http.get(self.env["KICK_API_URL"] + path, params=query, headers=headers, timeout=10)

    def data(self, path: str, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["message"] == "OK"
        return answer.json()["data"]

    def refusal(self, path: str, **query: Any) -> tuple[int, Any]:
        answer = self.get(path, **query)
        return answer.status_code, answer.json()

    def walk(self, path: str, between: Callable[[], object] = lambda: None, **query: Any) -> list[dict[str, Any]]:
        """The rows of all pages, calling `between` after each."""
        rows: list[dict[str, Any]] = []
        while True:
            body = self.get(path, **query).json()
            rows += body["data"]
            if not body["data"] or not body.get("pagination", {}).get("next_cursor"):
                return rows
            query["cursor"] = body["pagination"]["next_cursor"]
            between()


@pytest.fixture(scope="module")
def big() -> Iterator[Sandbox]:
    """Of the usual size, for tests that change nothing."""
    with Sandbox(now=NOW, frozen=True, kick_per_minute=1_000_000) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def client(big: Sandbox) -> Client:
    return Client(big)


@pytest.fixture
def small() -> Iterator[Sandbox]:
    with Sandbox(now=NOW, frozen=True, channels=400, kick_per_minute=1_000_000) as sandbox:
        yield sandbox


@pytest.fixture
def asker(small: Sandbox) -> Client:
    return Client(small)


def world(sandbox: Sandbox) -> World:
    return sandbox.world_of("kick")


def gone(sandbox: Sandbox) -> int:
    """The id of an account that is not there now."""
    now = sandbox.clock.time()
    return next(int(channel.id) for channel in world(sandbox).channels if not world(sandbox).exists(channel, now))


# -- tokens and the budget


def test_a_token_is_issued_introspected_and_revoked(small: Sandbox, asker: Client) -> None:
    answer = asker.login().json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 5_000_000)
    about = asker.post("/token/introspect", headers=asker.headers).json()
    assert about["data"] == {
        "active": True,
        "client_id": asker.env["KICK_CLIENT_ID"],
        "token_type": "app",
        "scope": "",
        "exp": int(small.clock.time()) + 5_000_000,
    }
    query = {"token": answer["access_token"], "token_hint_type": "access_token"}
    assert asker.post("/revoke", params=query).status_code == 200
    assert asker.post("/token/introspect", headers=asker.headers).json()["data"] == {"active": False}
    assert asker.refusal(STREAMS) == (401, {"data": {}, "message": "Unauthorized"})
    assert asker.post("/revoke", params=query).status_code == 400


@pytest.mark.parametrize("changes", [{"client_id": "x"}, {"client_secret": "x"}, {"grant_type": "password"}], ids=str)
def test_wrong_credentials_are_refused_in_the_words_of_the_token_endpoint(
    client: Client, changes: dict[str, str]
) -> None:
    answer = client.login(**changes)
    assert (answer.status_code, answer.json()) == (400, {"error": "Invalid request"})


def test_a_call_without_a_good_token_is_unauthorized(client: Client) -> None:
    token = client.headers["Authorization"].partition(" ")[2]
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"OAuth {token}"}):
        assert client.get(STREAMS, headers).json() == {"data": {}, "message": "Unauthorized"}
    assert client.get("/public/v1/nothing").json() == {"data": {}, "message": "Not Found"}


def test_a_token_expires_in_world_time() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, token_lifetime=3600) as sandbox:
        client = Client(sandbox)
        sandbox.clock.advance(3599)
        assert client.get(STREAMS).status_code == 200
        sandbox.clock.advance(2)
        assert client.get(STREAMS).status_code == 401


def test_the_budget_is_its_own_is_shared_by_tokens_and_is_told_by_no_header() -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, kick_per_minute=3, points_per_minute=1) as sandbox:
        one, two = Client(sandbox), Client(sandbox)
        answers = [client.get(STREAMS) for client in (one, two, one, two)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[-1].json() == {"data": {}, "message": "Too many requests"}
        assert {name.lower() for answer in answers for name in answer.headers} <= {
            "content-type", "content-length", "date", "server",
        }  # fmt: skip
        assert sandbox.env()["KICK_REQUESTS_PER_MINUTE"] == "3"


# -- live streams


def test_a_frozen_walk_returns_every_stream_once_from_the_oldest_start(big: Sandbox, client: Client) -> None:
    rows = client.walk(STREAMS, limit=300)
    live = world(big).live(big.clock.time())
    assert {str(row["broadcaster_user"]["id"]) for row in rows} >= set(live.by_id)
    assert len({row["id"] for row in rows}) == len(rows) > 1200
    starts = [row["started_at"] for row in rows]
    assert starts == sorted(starts) and len(set(starts)) > 1000
    assert client.data("/public/v1/livestreams/stats") == {"total_count": len(rows)}
    assert len(client.data(STREAMS)) == 100
    last = [record for record in big.served if record.path == STREAMS][-2]
    assert last.body["pagination"] == {"next_cursor": ""}


def test_streams_drift_between_pages_as_others_end(small: Sandbox, asker: Client) -> None:
    first = {row["broadcaster_user"]["id"] for row in asker.walk(STREAMS, limit=1000)}
    rows = asker.walk(STREAMS, limit=10, between=lambda: small.clock.advance(300))
    seen = {row["broadcaster_user"]["id"] for row in rows}
    last = {row["broadcaster_user"]["id"] for row in asker.walk(STREAMS, limit=1000)}
    assert (first & last) - seen, "somebody who was live throughout was passed over"


def test_rows_have_the_types_of_the_api(client: Client) -> None:
    rows = client.walk(STREAMS, limit=1000)
    for row in rows:
        assert uuid.UUID(row["id"]).version == 4
        assert type(row["broadcaster_user"]["id"]) is int and type(row["category"]["id"]) is int
        assert re.fullmatch(r"[a-z0-9-]+", row["channel"]["slug"])
        assert set(row["category"]) == {"id", "name", "thumbnail"}
    assert any(row["tags"] is None for row in rows) and any(row["tags"] for row in rows)
    assert any(row["category"] == {"id": 0, "name": "", "thumbnail": ""} for row in rows)
    assert any(row["title"] == "" for row in rows)
    assert {"en", "pt-BR"} <= {row["language_code"] for row in rows} and "other" not in {
        row["language_code"] for row in rows
    }
    assert {row["has_mature_content"] for row in rows} == {True, False}


def test_a_channel_that_hides_its_viewers_has_none(big: Sandbox, client: Client) -> None:
    rows = {str(row["broadcaster_user"]["id"]): row for row in client.walk(STREAMS, limit=1000)}
    hidden = [one for one in rows if world(big).hides_viewers(world(big).by_id[one])]
    assert 10 < len(hidden) < len(rows) / 10
    assert {rows[one]["viewer_count"] for one in hidden} == {0}
    assert sum(row["viewer_count"] > 0 for row in rows.values()) > len(rows) * 0.9


def test_filters_add_up(client: Client) -> None:
    rows = client.walk(STREAMS, limit=1000)
    one, other = rows[0], next(row for row in rows if row["category"]["id"] != rows[0]["category"]["id"])
    wanted = [one["category"]["id"], other["category"]["id"]]
    found = client.walk(STREAMS, limit=1000, category_id=wanted)
    assert found == [row for row in rows if row["category"]["id"] in wanted]
    found = client.walk(STREAMS, limit=1000, category_id=wanted, language_code=one["language_code"])
    assert found == [
        row for row in rows if row["category"]["id"] in wanted and row["language_code"] == one["language_code"]
    ]


def test_streams_of_users_leave_out_those_who_are_offline_or_unknown(big: Sandbox, client: Client) -> None:
    rows = client.data(STREAMS, limit=99)
    ids = [row["broadcaster_user"]["id"] for row in rows]
    assert client.data(USERS, user_id=[*reversed(ids), 1]) == rows
    assert client.data(USERS, user_id=gone(big)) == []


def test_viewers_are_counted_anew_about_once_a_minute(small: Sandbox, asker: Client) -> None:
    shown = world(small).live(small.clock.time()).ranked[0]
    counts = []
    for _ in range(183):
        counts.append(asker.data(USERS, user_id=shown.channel.id)[0]["viewer_count"])
        small.clock.advance(1)
    changes = [at for at in range(1, 183) if counts[at] != counts[at - 1]]
    assert len(changes) == 3 and {later - earlier for earlier, later in itertools.pairwise(changes)} == {61}


def test_a_stream_is_listed_for_some_seconds_after_its_end_and_returns_with_another_id(
    small: Sandbox, asker: Client
) -> None:
    now = small.clock.time()
    # one that breaks off and goes on some minutes later
    channel, first, second = next(
        (channel, *found)
        for channel in world(small).channels
        if len(found := world(small).sessions(channel.index, int(now // 86400))) == 2
        and all(world(small).exists(channel, session.end + 60) for session in found)
    )

    def at(moment: float) -> list[Any]:
        small.clock.advance(moment - small.clock.time())
        return [row["id"] for row in asker.data(USERS, user_id=channel.id)]

    (before,) = at(first.end - 1)
    assert at(first.end + 2.5) == [before]
    assert at(first.end + 20) == []
    (after,) = at(second.start + 1)
    assert after != before and at(first.end - 100) == [before], "and the same for as long as it lasts"


# -- parameter checks


@pytest.mark.parametrize(
    "query",
    [
        f"{STREAMS}?limit=0", f"{STREAMS}?limit=1001", f"{STREAMS}?limit=ten", f"{STREAMS}?cursor=!!",
        f"{STREAMS}?cursor=bm90IGpzb24", f"{STREAMS}?cursor=eyJvZmZzZXQiOi0xfQ", f"{STREAMS}?category_id=x",
        f"{STREAMS}?category_id={'&category_id='.join('1' * 26)}",
        f"{STREAMS}?language_code={'&language_code='.join('e' * 26)}",
        USERS, f"{USERS}?user_id=x", f"{USERS}?user_id={'&user_id='.join('1' * 101)}",
        CHANNELS, f"{CHANNELS}?broadcaster_user_id=1&slug=a", f"{CHANNELS}?broadcaster_user_id=-1",
        f"{CHANNELS}?broadcaster_user_id={'&broadcaster_user_id='.join('1' * 51)}",
        f"{CHANNELS}?slug={'&slug='.join('a' * 51)}",
        f"{CATEGORIES}?limit=1001", f"{CATEGORIES}?id=1,x", "/public/v1/users",
    ],
)  # fmt: skip
def test_a_malformed_query_is_an_invalid_request(client: Client, query: str) -> None:
    assert client.refusal(query) == INVALID


# -- channels, users, categories


def test_channels_are_found_by_id_or_by_slug_and_one_unknown_slug_refuses_all(big: Sandbox, client: Client) -> None:
    rows = client.data(STREAMS, limit=20)
    ids = [row["broadcaster_user"]["id"] for row in rows]
    slugs = [row["channel"]["slug"] for row in rows]
    by_id = client.data(CHANNELS, broadcaster_user_id=[*ids, 1, gone(big)])
    assert by_id == client.data(CHANNELS, slug=slugs) and [row["broadcaster_user_id"] for row in by_id] == ids
    assert client.refusal(CHANNELS, slug=[*slugs, "nobody-of-this-name"]) == INVALID
    for stream, channel in zip(rows, by_id, strict=True):
        assert (channel["stream_title"], channel["category"]) == (stream["title"], stream["category"])
        assert (channel["stream"]["is_live"], channel["stream"]["start_time"]) == (True, stream["started_at"])
    assert client.data("/public/v1/users", id=ids[0]) == [
        {"user_id": ids[0], "name": rows[0]["broadcaster_user"]["username"], "email": "",
         "profile_picture": rows[0]["broadcaster_user"]["profile_picture"]}
    ]  # fmt: skip


def test_a_channel_that_is_offline_has_the_zero_time(big: Sandbox, client: Client) -> None:
    live = world(big).live(big.clock.time() - 30).by_id.keys() | world(big).live(big.clock.time()).by_id.keys()
    offline = [one.id for one in world(big).channels if one.id not in live][:400]
    rows = [row for at in range(0, 400, 50) for row in client.data(CHANNELS, broadcaster_user_id=offline[at : at + 50])]
    assert {(row["stream"]["is_live"], row["stream"]["start_time"]) for row in rows} == {
        (False, "0001-01-01T00:00:00Z")
    }
    assert any(row["active_subscribers_count"] for row in rows) and any(row["category"]["id"] == 0 for row in rows)


def plain(name: str) -> str:
    """A name for comparing: no case, accents or signs; & is and."""
    text = unicodedata.normalize("NFKD", name.replace("™", "").replace("&", "and"))
    return re.sub(r"[^a-z0-9]", "", text.encode("ascii", "ignore").decode().lower())


def test_categories_are_the_catalogues_in_another_spelling_or_under_another_name(big: Sandbox, client: Client) -> None:
    rows = client.walk(CATEGORIES, limit=30)
    catalogue = [category for category in big.world.categories if category.listed]
    assert len(rows) == len({row["id"] for row in rows}) == len(catalogue) == 200 - len(UNLISTED)
    names = {row["name"] for row in rows}
    assert names == {category_name(category.name) for category in catalogue}
    other = {name: found for one in catalogue if (found := category_name(name := one.name)) != name}
    assert 0.2 < len(other) / len(catalogue) < 0.6
    assert {name for name, found in other.items() if plain(found) != plain(name)} == set(OTHER_NAMES)
    assert any("™" in found for found in other.values())
    assert any(found == name.upper() for name, found in other.items())
    assert any("&" in name and "and" in found for name, found in other.items())
    assert any(found.count(":") > name.count(":") for name, found in other.items())
    streamed = {row["category"]["id"] for row in client.walk(STREAMS, limit=1000)} - {0}
    assert 0 < len(streamed - {row["id"] for row in rows}) <= len(UNLISTED), "streams name some that it does not know"


def test_categories_are_found_by_id_name_and_tag(client: Client) -> None:
    assert len(client.data(CATEGORIES)) == 25
    rows = client.data(CATEGORIES, limit=1000)
    one, two = rows[3], rows[9]
    assert client.data(CATEGORIES, id=f"{two['id']},{one['id']},1") == [one, two]
    assert client.data(CATEGORIES, name=f"{one['name'].upper()},no such name") == [one]
    assert client.data(CATEGORIES, tag="irl", limit=100) == [row for row in rows if "IRL" in row["tags"]]
    assert client.data(CATEGORIES, id="1") == []


# -- traps, edits, sameness


def test_traps_of_the_last_page() -> None:
    with Sandbox(now=NOW, frozen=True, channels=300, traps={"empty_page", "no_pagination"}) as sandbox:
        client = Client(sandbox)
        assert client.walk(STREAMS, limit=1000)
        first, last = sandbox.requests(path=STREAMS)
        assert first.body["pagination"]["next_cursor"] and last.body == {"data": [], "message": "OK"}


def test_edits_change_add_and_remove_what_is_served(small: Sandbox, asker: Client) -> None:
    one, two, three = (row["broadcaster_user"]["id"] for row in asker.data(STREAMS, limit=3))
    small.edits["kick_livestreams"] |= {one: {"viewer_count": "many", "brand_new": 1}, two: None}
    small.edits["kick_channels"][one] = lambda row: {**row, "slug": row["slug"] + "x"}
    small.edits["kick_users"][two] = None
    rows = asker.data(STREAMS, limit=3)
    assert [row["broadcaster_user"]["id"] for row in rows] == [one, three]
    assert (rows[0]["viewer_count"], rows[0]["brand_new"]) == ("many", 1)
    assert asker.data(USERS, user_id=[one, two]) == rows[:1]
    assert asker.data(CHANNELS, broadcaster_user_id=one)[0]["slug"].endswith("x")
    assert asker.data("/public/v1/users", id=two) == []
    first = asker.data(CATEGORIES, limit=1)[0]["id"]
    small.edits["kick_categories"][first] = None
    assert asker.data(CATEGORIES, id=first) == []


def test_two_sandboxes_of_one_seed_give_the_same_bytes() -> None:
    def bodies(seed: int) -> list[bytes]:
        with Sandbox(seed=seed, now=NOW, frozen=True, channels=200) as sandbox:
            client = Client(sandbox)
            owner = client.data(STREAMS, limit=1)[0]["broadcaster_user"]["id"]
            paths = [STREAMS, f"{CHANNELS}?broadcaster_user_id={owner}", CATEGORIES, "/public/v1/livestreams/stats"]
            return [client.get(path).content for path in paths]

    assert bodies(7) == bodies(7) != bodies(8)


def test_its_channels_are_not_those_of_another_platform(big: Sandbox) -> None:
    assert not world(big).by_id.keys() & big.world.by_id.keys()
