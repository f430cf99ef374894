"""Twitch Helix as the sandbox plays it: fields, checks, paging, tokens and what changes with time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import requests

from pipelines.sandbox import Sandbox
from pipelines.sandbox.world import DAY, UNLISTED

if TYPE_CHECKING:
    from conftest import Client

NOW = "2026-03-04T20:00:00Z"


def gone(sandbox: Sandbox) -> str:
    """Return the id of an account that is not there now."""
    world, now = sandbox.world, sandbox.clock.time()
    return next(channel.id for channel in world.channels if not world.exists(channel, now))


# -- tokens


def test_a_token_is_issued_validated_and_revoked(asker: Client) -> None:
    auth = asker.env["TWITCH_AUTH_URL"]
    header = {"Authorization": f"OAuth {asker.token}"}
    answer = requests.get(auth + "/validate", headers=header)
    assert answer.json() == {"client_id": asker.env["TWITCH_CLIENT_ID"], "scopes": None, "expires_in": 5_000_000}
    form = {"client_id": asker.env["TWITCH_CLIENT_ID"], "token": asker.token}
    assert requests.post(auth + "/revoke", data=form).status_code == 200
    answer = requests.get(auth + "/validate", headers=header)
    assert (answer.status_code, answer.json()) == (401, {"status": 401, "message": "invalid access token"})
    assert requests.get(auth + "/validate").json() == {"status": 401, "message": "missing authorization token"}
    assert asker.get("/streams").json()["message"] == "Invalid OAuth token"


def test_wrong_credentials_are_refused_in_the_words_of_the_token_endpoint(asker: Client) -> None:
    answer = asker.login(client_id="other")
    assert (answer.status_code, answer.json()) == (400, {"status": 400, "message": "invalid client"})
    answer = asker.login(client_secret="other")
    assert (answer.status_code, answer.json()) == (403, {"status": 403, "message": "invalid client secret"})
    assert asker.login(grant_type="").status_code == 400
    answer = requests.post(asker.env["TWITCH_AUTH_URL"] + "/revoke", data={"client_id": asker.env["TWITCH_CLIENT_ID"]})
    assert (answer.status_code, answer.json()["message"]) == (400, "missing oauth token")


def test_a_call_without_good_credentials_is_unauthorized(client: Client) -> None:
    good = client.headers
    cases = {
        "OAuth token is missing": {"Client-Id": good["Client-Id"]},
        "Invalid OAuth token": {**good, "Authorization": "Bearer nonsense"},
        "Must provide a valid Client-ID or OAuth token": {"Authorization": good["Authorization"]},
        "Client ID and OAuth token do not match": {**good, "Client-Id": "someoneelse"},
    }
    for message, headers in cases.items():
        answer = client.get("/users", headers, id="1")
        assert (answer.status_code, answer.json()["message"]) == (401, message)
    assert client.get("/users", {**good, "Authorization": f"OAuth {client.token}"}, id="1").status_code == 401


def test_a_token_expires_in_world_time(connect: type[Client]) -> None:
    with Sandbox(now=NOW, frozen=True, channels=10, token_lifetime=3600) as sandbox:
        client = connect(sandbox)
        assert client.get("/users", id="1").status_code == 200
        sandbox.clock.advance(3599)
        assert client.get("/users", id="1").status_code == 200
        sandbox.clock.advance(2)
        assert client.get("/users", id="1").status_code == 401


# -- streams


def test_a_frozen_walk_returns_every_stream_once_by_viewers(big: Sandbox, client: Client) -> None:
    rows = client.walk("/streams", first=100)
    assert [row["user_id"] for row in rows] == [live.channel.id for live in big.world.live(big.clock.time()).ranked]
    assert len({row["id"] for row in rows}) == len(rows) > 1200
    viewers = [row["viewer_count"] for row in rows]
    assert viewers == sorted(viewers, reverse=True)
    last = [record for record in big.served if record.path == "/streams"][-1]
    assert last.body["pagination"] == {}


def test_streams_drift_between_pages_while_time_runs(big: Sandbox, client: Client) -> None:
    then = big.clock.now()
    rows = client.walk("/streams", first=100, between=lambda: big.clock.advance(0.5))
    there = {live.channel.id for live in big.world.live(big.clock.time()).ranked}
    big.clock.set(then)
    seen = [row["user_id"] for row in rows]
    repeated, missing = len(seen) - len(set(seen)), len(there - set(seen))
    assert repeated + missing > 0
    assert repeated + missing < 60


def test_the_odd_values_of_real_streams_occur(client: Client) -> None:
    rows = client.walk("/streams", first=100)
    assert any(row["tags"] is None for row in rows)
    assert any(row["game_id"] == "" and row["game_name"] == "" for row in rows)
    assert any(row["title"] == "" for row in rows)
    assert any("\\" in row["title"] for row in rows) and any('"' in row["title"] for row in rows)
    assert any(row["language"] == "other" for row in rows)
    assert any(row["viewer_count"] == 0 for row in rows)
    assert any(row["type"] == "" for row in rows)
    assert any(not row["user_name"].isascii() for row in rows)
    assert all(re.fullmatch(r"[a-z0-9_]{1,25}", row["user_login"]) for row in rows)
    assert all(row["tag_ids"] == [] and row["is_mature"] is False for row in rows)
    games = {row["game_id"] for row in rows} - {""}
    known = {
        row["id"] for start in range(0, len(games), 100) for row in client.data("/games", id=[*games][start:][:100])
    }
    assert 0 < len(games - known) <= len(UNLISTED)


def test_stream_filters_add_up(client: Client) -> None:
    top = client.data("/streams", first=100)
    one = top[0]
    assert client.data("/streams", user_id=[one["user_id"], "1"]) == [one]
    assert client.data("/streams", user_login=one["user_login"]) == [one]
    both = client.walk("/streams", game_id=one["game_id"], language=one["language"], first=100)
    assert one in both and {(row["game_id"], row["language"]) for row in both} == {(one["game_id"], one["language"])}
    other = next(row["language"] for row in top if row["language"] != one["language"])
    assert client.data("/streams", user_id=one["user_id"], language=other) == []


def test_paging_streams_backwards_never_ends(client: Client) -> None:
    first = client.get("/streams", first=5).json()
    second = client.get("/streams", first=5, after=first["pagination"]["cursor"]).json()
    back = client.get("/streams", first=5, before=second["pagination"]["cursor"]).json()
    assert back["data"] == first["data"]
    assert back["pagination"]["cursor"] == second["pagination"]["cursor"]


# -- parameter checks


@pytest.mark.parametrize("path", ["/streams", "/games/top", "/videos?user_id=1", "/clips?broadcaster_id=1"])
def test_a_page_size_out_of_bounds_is_refused(client: Client, path: str) -> None:
    malformed = 'The parameter "first" was malformed: the value must be '
    assert client.refusal(path, first=101) == (400, malformed + "less than or equal to 100")
    assert client.refusal(path, first=0) == (400, malformed + "greater than or equal to 1")
    assert client.refusal(path, first="ten")[0] == 400
    assert client.get(path, first=100).status_code == 200


@pytest.mark.parametrize("path", ["/streams", "/games/top", "/videos?user_id=1", "/clips?broadcaster_id=1"])
@pytest.mark.parametrize("cursor", ["x", "!!", "é", "bm90IGpzb24=", "W10=", "eyJhIjp7Ik9mZnNldCI6LTF9fQ=="])
def test_a_bad_cursor_is_refused(client: Client, path: str, cursor: str) -> None:
    assert client.refusal(path, after=cursor) == (400, "Invalid cursor.")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/streams", "user_id"), ("/streams", "game_id"), ("/users", "id"), ("/users", "login"), ("/videos", "id"),
        ("/clips", "id"), ("/games", "id"), ("/games", "name"), ("/channels", "broadcaster_id"),
    ],
)  # fmt: skip
def test_more_than_a_hundred_ids_are_refused(client: Client, path: str, name: str) -> None:
    ids = [str(number) for number in range(1, 102)]
    assert client.refusal(path, **{name: ids})[0] == 400
    assert client.get(path, **{name: ids[:100]}).status_code in (200, 404)


@pytest.mark.parametrize(
    "query",
    [
        "/videos", "/videos?id=1&user_id=1", "/videos?user_id=1&game_id=1", "/videos?id=0", "/videos?id=abc",
        "/videos?user_id=1&type=Archive", "/videos?user_id=1&sort=new", "/videos?user_id=1&period=year",
        "/clips", "/clips?broadcaster_id=1&game_id=1", "/clips?broadcaster_id=1&started_at=yesterday",
        "/clips?broadcaster_id=1&ended_at=2026-03-01T00:00:00Z", "/streams?type=offline", "/streams?user_id=x",
        "/users", "/users?id=1&id=x", "/users?id=2147483648", "/users?id=1&login=no-dash", "/users?id=" + "9" * 5000,
        "/games", "/channels", "/channels?broadcaster_id=1&broadcaster_id=x", "/channels/followers",
        "/channels/followers?broadcaster_id=x",
    ],
)  # fmt: skip
def test_a_malformed_query_is_a_bad_request(client: Client, query: str) -> None:
    assert client.refusal(query)[0] == 400


def test_what_is_not_there_is_not_found(client: Client) -> None:
    assert client.refusal("/search/nothing")[0] == 404
    assert client.refusal("/videos", id="1")[0] == 404
    assert client.refusal("/videos", game_id="1") == (404, "game not found")
    assert client.refusal("/clips", game_id="1")[0] == 404
    assert requests.get(client.env["TWITCH_AUTH_URL"] + "/token").json() == {"status": 404, "message": ""}


# -- users and channels


def test_accounts_that_are_gone_are_silently_absent(big: Sandbox, client: Client) -> None:
    ids = [row["user_id"] for row in client.data("/streams", first=5)]
    asked = [*ids, gone(big), "1"]
    assert {row["id"] for row in client.data("/users", id=asked)} == set(ids)
    assert {row["broadcaster_id"] for row in client.data("/channels", broadcaster_id=asked)} == set(ids)
    assert client.data("/videos", user_id=gone(big)) == [] == client.data("/clips", broadcaster_id=gone(big))
    assert client.get("/channels/followers", broadcaster_id=gone(big)).json()["total"] == 0


def test_the_odd_values_of_real_accounts_occur(big: Sandbox, client: Client) -> None:
    ids = [channel.id for channel in big.world.channels]
    rows = [row for start in range(0, 5000, 100) for row in client.data("/users", id=ids[start : start + 100])]
    assert {row["type"] for row in rows} == {"", "admin", "staff"}
    assert {row["broadcaster_type"] for row in rows} == {"", "affiliate", "partner"}
    assert {bool(row["profile_image_url"]) for row in rows} == {True, False}
    assert {"." in row["created_at"] for row in rows} == {True, False}
    assert any("\n" in row["description"] for row in rows) and not any("email" in row for row in rows)


def test_a_renamed_account_is_found_by_its_new_login_only(big: Sandbox, client: Client) -> None:
    world, now, then = big.world, big.clock.time(), big.clock.now()
    channel = next(
        c
        for c in world.channels
        if world.exists(c, now)
        and world.exists(c, now + 9 * DAY)
        and world.renames(c, now + 9 * DAY) > world.renames(c, now)
    )
    before = client.data("/users", id=channel.id)[0]
    big.clock.advance(9 * DAY)
    after = client.data("/users", id=channel.id)[0]
    assert before["login"] != after["login"]
    assert client.data("/users", login=after["login"]) == [after] and client.data("/users", login=before["login"]) == []
    big.clock.set(then)


def test_a_live_channel_shows_the_category_and_title_of_its_stream(client: Client) -> None:
    for stream in client.data("/streams", first=20):
        channel = client.data("/channels", broadcaster_id=stream["user_id"])[0]
        assert (channel["game_id"], channel["title"]) == (stream["game_id"], stream["title"])
        assert channel["delay"] == 0 and isinstance(channel["tags"], list)


def test_followers_are_a_total_without_rows(client: Client) -> None:
    user = client.data("/streams", first=1)[0]["user_id"]
    body = client.get("/channels/followers", broadcaster_id=user).json()
    assert body["total"] > 1000 and body["data"] == [] and body["pagination"] == {}
    assert client.refusal("/channels/followers", broadcaster_id=user, user_id="1")[0] == 401


# -- videos


def test_the_recording_of_a_running_stream_grows_until_it_ends(small: Sandbox, asker: Client) -> None:
    streams = asker.data("/streams", first=100)
    videos = [video for row in streams for video in asker.data("/videos", user_id=row["user_id"], first=1)]
    video = next(v for v in videos if v["stream_id"] in {row["id"] for row in streams})
    assert video["thumbnail_url"] == "" and video["type"] == "archive" and video["muted_segments"] is None
    small.clock.advance(600)
    later = asker.data("/videos", id=video["id"])[0]
    assert later["duration"] != video["duration"] and later["view_count"] > video["view_count"]
    small.clock.advance(21 * 3600)
    ended = asker.data("/videos", id=video["id"])[0]
    assert "%{width}x%{height}" in ended["thumbnail_url"]
    small.clock.advance(61 * DAY)
    asker.login()
    assert asker.get("/videos", id=video["id"]).status_code == 404


def test_videos_come_in_all_kinds_and_page_to_the_end(client: Client) -> None:
    streams = client.data("/streams", first=100)
    rows = [row for stream in streams for row in client.walk("/videos", user_id=stream["user_id"], first=7)]
    assert len({row["id"] for row in rows}) == len(rows)
    assert {row["type"] for row in rows} == {"archive", "highlight", "upload"}
    assert all((row["stream_id"] is None) == (row["type"] != "archive") for row in rows)
    assert any(row["muted_segments"] is None for row in rows)
    assert any(row["muted_segments"] and row["muted_segments"][0]["duration"] == 180 for row in rows)
    assert all(re.fullmatch(r"(\d+h)?(\d+m)?\d+s", row["duration"]) for row in rows)
    assert all(row["published_at"] >= row["created_at"] for row in rows)


def test_videos_are_filtered_and_sorted_as_asked(client: Client) -> None:
    user = client.data("/streams", first=1)[0]["user_id"]
    every = client.walk("/videos", user_id=user, first=100)
    times = [row["created_at"] for row in every]
    assert times == sorted(times, reverse=True)
    views = [row["view_count"] for row in client.data("/videos", user_id=user, sort="views", first=100)]
    assert views == sorted(views, reverse=True) and len(views) == len(every)
    week = client.data("/videos", user_id=user, period="week", first=100)
    assert 0 < len(week) < len(every) and min(row["published_at"] for row in week) > "2026-02-25T20:00:00Z"
    assert {row["type"] for row in client.data("/videos", user_id=user, type="archive")} == {"archive"}
    ids = [every[1]["id"], "1", every[0]["id"]]
    assert [row["id"] for row in client.data("/videos", id=ids)] == [every[1]["id"], every[0]["id"]]


def test_a_games_videos_end_at_five_hundred(client: Client) -> None:
    game = client.data("/games/top", first=1)[0]["id"]
    rows = client.walk("/videos", game_id=game, first=100)
    assert len(rows) == 500 == len({row["id"] for row in rows})


# -- clips


def test_clips_are_sorted_by_views_within_the_window(client: Client) -> None:
    user = client.data("/streams", first=30)[29]["user_id"]
    window = {"started_at": "2026-03-01T00:00:00Z", "ended_at": "2026-03-02T12:00:00Z"}
    rows = client.walk("/clips", broadcaster_id=user, first=30, **window)
    assert rows and all(window["started_at"] <= row["created_at"] <= window["ended_at"] for row in rows)
    views = [row["view_count"] for row in rows]
    assert views == sorted(views, reverse=True) and len({row["id"] for row in rows}) == len(rows)
    assert client.data("/clips", id=[rows[1]["id"], "nothing", rows[0]["id"]]) == [rows[1], rows[0]]
    few = client.walk("/clips", broadcaster_id=user, is_featured="true", started_at=window["started_at"])
    assert all(row["is_featured"] for row in few)


def test_a_clips_window_without_an_end_is_a_week(client: Client) -> None:
    user = client.data("/streams", first=1)[0]["user_id"]
    rows = client.walk("/clips", broadcaster_id=user, first=100, started_at="2026-02-01T00:00:00Z", is_featured="true")
    assert rows and {row["created_at"][:10] for row in rows} <= {f"2026-02-0{day}" for day in range(1, 9)}
    ages = {row["created_at"] for row in client.walk("/clips", broadcaster_id=user, first=100, is_featured="true")}
    assert min(ages) < "2025-12-01"


def test_after_a_thousand_clips_the_same_ones_come_with_new_cursors(big: Sandbox, client: Client) -> None:
    biggest = next(c.id for c in big.world.channels if big.world.exists(c, big.clock.time()))
    query = {"broadcaster_id": biggest, "first": 100, "started_at": "2026-02-25T20:00:00Z"}
    pages, cursors = [], []
    for _ in range(13):
        body = client.get("/clips", **query).json()
        pages.append([row["id"] for row in body["data"]])
        cursors.append(body["pagination"]["cursor"])
        query["after"] = cursors[-1]
    assert len({slug for page in pages for slug in page}) == 1000
    assert pages[9] == pages[10] == pages[12] and len(set(cursors)) == 13


def test_a_clip_is_tied_to_its_video_minutes_later_and_loses_it_with_the_video(small: Sandbox, asker: Client) -> None:
    world, now = small.world, small.clock.time()
    live = [item.channel for item in world.live(now).ranked if item.channel.recorded and item.channel.tier == 0]
    clips = (clip for channel in live for clip in world.clips(channel, now - 6 * 3600, now, now))
    clip = next(clip for clip in clips if clip.created % 300 < 90)  # tied to its video early
    small.clock.advance(clip.created + 100 - now)
    fresh = asker.data("/clips", id=clip.slug)[0]
    assert fresh["vod_offset"] is None and fresh["video_id"]
    small.clock.advance(600)
    tied = asker.data("/clips", id=clip.slug)[0]
    assert tied["vod_offset"] == clip.created - clip.session.start
    assert asker.data("/videos", id=tied["video_id"])[0]["stream_id"] == clip.session.id
    small.clock.advance(8 * DAY)
    late = asker.data("/clips", id=clip.slug)[0]
    assert late["video_id"] == "" and late["vod_offset"] is None and late["view_count"] > fresh["view_count"]


def test_the_odd_values_of_real_clips_occur(client: Client) -> None:
    user = client.data("/streams", first=1)[0]["user_id"]
    rows = client.walk("/clips", broadcaster_id=user, first=100, started_at="2026-02-28T00:00:00Z", is_featured="false")
    assert any(row["creator_name"] == "" for row in rows)
    assert {type(row["duration"]) for row in rows} == {int, float}


# -- games


def test_top_games_page_through_every_category_that_is_live(big: Sandbox, client: Client) -> None:
    rows = client.walk("/games/top", first=30)
    live = {item.segment.category for item in big.world.live(big.clock.time()).ranked}
    assert {row["id"] for row in rows} == {category.id for category in live if category and category.listed}
    assert len({row["id"] for row in rows}) == len(rows)
    first = client.get("/games/top", first=10).json()
    second = client.get("/games/top", first=10, after=first["pagination"]["cursor"]).json()
    back = client.get("/games/top", first=10, before=second["pagination"]["cursor"]).json()
    assert back["data"] == first["data"] != second["data"]


def test_games_are_found_by_id_exact_name_and_outside_id(client: Client) -> None:
    game = next(row for row in client.data("/games/top") if row["igdb_id"])
    found = client.data("/games", id=[game["id"], "0"], name=[game["name"], "no such game"], igdb_id=game["igdb_id"])
    assert found == [game]
    assert client.data("/games", name=game["name"].upper() + "!") == []


# -- traps and edits


def test_trap_of_a_last_cursor_that_leads_to_an_empty_page(connect: type[Client]) -> None:
    with Sandbox(now=NOW, frozen=True, channels=300, traps={"empty_page"}) as sandbox:
        client = connect(sandbox)
        user = client.data("/streams", first=1)[0]["user_id"]
        for path in (
            "/streams",
            "/games/top",
            f"/videos?user_id={user}",
            f"/clips?broadcaster_id={user}&is_featured=true",
        ):
            assert client.walk(path, first=100)
            bodies = [record.body for record in sandbox.requests(path=path.partition("?")[0])]
            assert bodies[-1] == {"data": [], "pagination": {}} and "cursor" in bodies[-2]["pagination"]


def test_trap_of_a_last_page_without_the_pagination_key(connect: type[Client]) -> None:
    with Sandbox(now=NOW, frozen=True, channels=300, traps={"no_pagination"}) as sandbox:
        client = connect(sandbox)
        rows = client.walk("/streams", first=100)
        assert len(rows) == len(sandbox.world.live(sandbox.clock.time()).ranked)
        assert "pagination" not in sandbox.served[-1].body and "pagination" in sandbox.served[-2].body


def test_trap_of_a_blank_cursor_behind_streams_of_some_users(connect: type[Client]) -> None:
    with Sandbox(now=NOW, frozen=True, channels=300, traps={"blank_cursor"}) as sandbox:
        client = connect(sandbox)
        user = client.data("/streams", first=1)[0]["user_id"]
        assert client.get("/streams", user_id=user).json()["pagination"] == {"cursor": "IA"}
        assert client.get("/streams", user_id=user, after="IA").json() == {"data": [], "pagination": {"cursor": "IA"}}
        with pytest.raises(ValueError, match="unknown traps"):
            Sandbox(traps={"no_such_trap"})


def test_edits_change_add_and_remove_what_is_served(small: Sandbox, asker: Client) -> None:
    one, two, three = (row["user_id"] for row in asker.data("/streams", first=3))
    small.edits["streams"] |= {one: {"viewer_count": "many", "brand_new": 1}, two: None}
    small.edits["users"][one] = lambda row: {**row, "login": row["login"] + "x"}
    small.edits["users"][two] = lambda row: None
    small.edits["followers"][one] = {"total": 3}
    streams = asker.data("/streams", first=3)
    assert [row["user_id"] for row in streams] == [one, three]
    assert streams[0]["viewer_count"] == "many" and streams[0]["brand_new"] == 1
    users = {row["id"]: row["login"] for row in asker.data("/users", id=[one, two, three])}
    assert users[one].endswith("x") and two not in users and three in users
    assert asker.get("/channels/followers", broadcaster_id=one).json()["total"] == 3
    for resource, path in (("videos", f"/videos?user_id={one}"), ("clips", f"/clips?broadcaster_id={one}")):
        row = asker.data(path)[0]
        small.edits[resource][row["id"]] = {"title": None}
        assert asker.data(path)[0] == {**row, "title": None} == asker.data(f"/{resource}", id=row["id"])[0]
    game = asker.data("/games/top")[0]["id"]
    small.edits["games"][game], small.edits["channels"][one] = None, None
    assert asker.data("/games/top")[0]["id"] != game and asker.data("/games", id=game) == []
    assert asker.data("/channels", broadcaster_id=one) == []
    with pytest.raises(KeyError):
        small.edits["stream"][one] = {}


def test_two_sandboxes_of_one_seed_give_the_same_bytes(connect: type[Client]) -> None:
    def bodies(seed: int, warm_up: bool) -> list[bytes]:
        with Sandbox(seed=seed, now=NOW, frozen=True, channels=300) as sandbox:
            client = connect(sandbox)
            if warm_up:
                sandbox.clock.advance(3 * DAY)
                client.walk("/streams", first=100)
                sandbox.clock.set(NOW)
            ids = [row["user_id"] for row in client.data("/streams", first=50)]
            paths = ["/streams", "/games/top", *(f"/{kind}?user_id={ids[0]}" for kind in ("streams", "videos"))]
            paths += [f"/clips?broadcaster_id={ids[0]}", f"/channels/followers?broadcaster_id={ids[0]}"]
            return [client.get(path).content for path in paths] + [client.get("/users", id=ids).content]

    assert bodies(7, warm_up=False) == bodies(7, warm_up=True)
    assert bodies(7, warm_up=False) != bodies(8, warm_up=False)
