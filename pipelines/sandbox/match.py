"""What happens in a simulated match: line-ups, goals, cards, substitutions and figures, in step with its result.

A match is told as a whole from the seed and the fixture; each event says from when it is known and from when it is
taken back, so that the match at one moment is a selection of it.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import NamedTuple

from pipelines.sandbox.clubs import TEAMS, Player, squad
from pipelines.sandbox.football import EXTRA_TIME, RESTART, SHOOT_OUT, Fixture
from pipelines.sandbox.seasons import MINUTE
from pipelines.sandbox.world import draws

GOAL, OWN_GOAL, PENALTY, MISSED_PENALTY, SUBSTITUTION = 14, 15, 16, 17, 18
YELLOW, RED, SECOND_YELLOW, SHOT_MISSED, SHOT_SCORED = 19, 20, 21, 22, 23
SCORED = (GOAL, OWN_GOAL, PENALTY)
NEVER = float("inf")
ORDINALS = {1: "st", 2: "nd", 3: "rd"}
# type ids of the figures, in the order in which figures() returns them
FIGURES = (34, 41, 42, 43, 44, 45, 46, 47, 49, 50, 51, 52, 53, 54, 55, 56, 57, 78, 83, 84, 86)

Lineup = tuple[tuple[Player, ...], tuple[Player, ...]]  # eleven and bench


class Event(NamedTuple):
    """Something that happened. `side` is 0 or 1: for goals, own goals too, the one that gains.

    period: 1, 2, 3 (extra time) or 5 (shoot-out). The event is known from shown_at on and taken back at rescinded_at.
    result is the score after it; order counts the events of its type.
    """

    number: int
    at: float
    period: int
    minute: int
    extra_minute: int | None
    side: int
    type: int
    player: Player
    related: Player | None
    shown_at: float
    rescinded_at: float
    result: str | None
    addition: str | None
    order: int


class Match(NamedTuple):
    """A whole match: both line-ups, and the events in the order of their time."""

    lineups: tuple[Lineup, Lineup]
    events: list[Event]


@lru_cache(maxsize=300)
def ordinal(number: int) -> str:
    """Return "3rd"."""
    return f"{number}{ORDINALS.get(number, 'th')}"


def _wall(kickoff: int, minute: int) -> tuple[float, int, int, int | None]:
    """Return (moment, period, minute, added minute) of a running minute: up to 47, from 101 to 149, from 201 to 230."""
    if minute < 100:
        return kickoff + minute * MINUTE, 1, min(minute, 45), minute - 45 if minute > 45 else None
    if minute < 200:
        minute -= 100
        at = kickoff + (RESTART + minute) * MINUTE
        return at, 2, min(45 + minute, 90), minute - 45 if minute > 45 else None
    return kickoff + (EXTRA_TIME + minute - 200) * MINUTE, 3, 90 + minute - 200, None


def play(seed: int, fixture: Fixture, goals_only: bool = False) -> Match:
    """Return the match; with goals_only the events are goals and substitutions. The fixture must be one that is played.

    The goals that are not taken back add up to the fixture's.
    """
    rng = Random(fixture.id * 1_000_003 + seed)
    luck, kickoff, fate = rng.random, fixture.kickoff, fixture.fate
    year = fixture.season.year
    squads = [squad(TEAMS[team].club, year) for team in (fixture.home, fixture.away)]
    lineups = (squads[0].lineups[int(luck() * 5)], squads[1].lineups[int(luck() * 5)])

    # (running minute, side, type, player, related, shown, rescinded); substitutions first: who is off can't score
    told: list[tuple[int, int, int, Player, Player | None, float, float]] = []
    replaced: tuple[dict[int, tuple[int, Player]], dict[int, tuple[int, Player]]] = ({}, {})
    for side in (0, 1):
        eleven, bench = lineups[side]
        first = int(luck() * 10)
        for place in range(3 + int(luck() * 2.5)):
            minute, leaver = 101 + int(luck() * 44), 1 + (first + 3 * place) % 10
            replaced[side][leaver] = (minute, bench[1 + place])
            told.append((minute, side, SUBSTITUTION, bench[1 + place], eleven[leaver], 0, NEVER))

    def scorer(side: int, minute: int, place: int) -> Player:
        off = replaced[side].get(place)
        return off[1] if off and off[0] <= minute else lineups[side][0][place]

    def goal(side: int, minute: int, shown: float = 0, rescinded: float = NEVER) -> None:
        share, place = luck(), 1 + int(10 * luck() ** 0.5)
        if share < 0.03:
            told.append((minute, side, OWN_GOAL, scorer(1 - side, minute, 11 - place), None, shown, rescinded))
        elif share < 0.12:
            told.append((minute, side, PENALTY, scorer(side, minute, place), None, shown, rescinded))
        else:
            helper = scorer(side, minute, 1 + (place + int(luck() * 8)) % 10) if share < 0.8 else None
            player = scorer(side, minute, place)
            told.append((minute, side, GOAL, player, helper if helper != player else None, shown, rescinded))

    for side in (0, 1):
        minutes = [
            1 + int(luck() * 47) if luck() < 0.46 else 101 + int(luck() * 48) for _ in range(fixture.goals[side])
        ]
        late = max(minutes, default=0) if fate == "corrected" and fixture.wrong[side] < fixture.goals[side] else None
        for minute in sorted(minutes):
            overlooked = minute == late
            goal(side, minute, fixture.fate_at if overlooked else 0)
            if overlooked:
                late = None  # two goals in its minute: one of them only
        if fixture.extra:
            for _ in range(fixture.extra[side]):
                goal(side, 201 + int(luck() * 29))
    if fate == "rescinded_goal":
        goal(fixture.side, int((fixture.fate_at - kickoff) // MINUTE) - 2, 0, fixture.fate_at)
    elif fate == "corrected" and fixture.wrong[fixture.side] > fixture.goals[fixture.side]:
        goal(fixture.side, 101 + int(luck() * 44), 0, fixture.fate_at)
    if not goals_only:
        for side in (0, 1):
            eleven, booked = lineups[side][0], 1 + int(luck() * 4) - (luck() < 0.4)
            first = int(luck() * 10)
            for place in range(booked):
                minute = 5 + int(luck() * 42) if luck() < 0.4 else 101 + int(luck() * 47)
                told.append((minute, side, YELLOW, eleven[1 + (first + 3 * place) % 10], None, 0, NEVER))
            if luck() < 0.1:
                kind = RED if luck() < 0.6 else SECOND_YELLOW
                told.append((147, side, kind, scorer(side, 147, 1 + int(luck() * 4)), None, 0, NEVER))
            if luck() < 0.04:
                told.append((101 + int(luck() * 44), side, MISSED_PENALTY, eleven[9 + int(luck() * 2)], None, 0, NEVER))
        if fate == "rescinded_card":
            player = lineups[fixture.side][0][1 + int(luck() * 10)]
            told.append((130, fixture.side, YELLOW, player, None, 0, fixture.fate_at))
    told.sort(key=lambda entry: entry[:3])
    return Match(lineups, _number(told, fixture, lineups, shots=not goals_only))


def _number(told: list[tuple], fixture: Fixture, lineups: tuple[Lineup, Lineup], shots: bool) -> list[Event]:
    """Return the events with their numbers, the score after each goal, and the shoot-out."""
    score, orders, events = [0, 0], {}, []
    for number, (minute, side, kind, player, related, shown, rescinded) in enumerate(told, 1):
        at, period, shown_minute, extra = _wall(fixture.kickoff, minute)
        result = addition = None
        orders[kind] = order = orders.get(kind, 0) + 1
        if kind in SCORED:
            after = score if rescinded == NEVER else list(score)
            after[side] += 1
            result, addition = f"{after[0]}-{after[1]}", f"{ordinal(after[0] + after[1])} Goal"
        elif kind == YELLOW:
            addition = f"{ordinal(order)} Yellow Card"
        events.append(
            Event(number, at, period, shown_minute, extra, side, kind, player, related, max(at, shown), rescinded,
                  result, addition, order)
        )  # fmt: skip
    if fixture.shoot_out and shots:
        at, number = fixture.kickoff + SHOOT_OUT * MINUTE, len(events)
        loser = int(fixture.shoot_out[1] < fixture.shoot_out[0])
        kicks = [(turn, side) for turn in range(max(fixture.shoot_out)) for side in (1 - loser, loser)]
        for place, (turn, side) in enumerate(kicks):
            kind = SHOT_SCORED if turn < fixture.shoot_out[side] else SHOT_MISSED
            player, moment = lineups[side][0][10 - turn], at + (place + 1) * 45
            events.append(
                Event(number + 1 + place, moment, 5, 120, None, side, kind, player, None, moment, NEVER, None, None,
                      place + 1)
            )  # fmt: skip
    return events


def score_at(match: Match, now: float) -> list[list[int]]:
    """Return the goals known at a moment by period, as [[home, away] of the first half, second half, extra time]."""
    goals = [[0, 0], [0, 0], [0, 0]]
    for event in match.events:
        if event.type in SCORED and event.shown_at <= now < event.rescinded_at:
            goals[event.period - 1][event.side] += 1
    return goals


def figures(
    seed: int, fixture: Fixture, goals: tuple[int, int], share: float, cards: list[list[int]]
) -> list[list[int]]:
    """Return the figures of both sides after a share (0 to 1) of the match, each in the order of FIGURES.

    cards: reds and yellows of both sides.
    """
    luck = draws(seed, "figures", fixture.id)
    ball = 35 + int(luck[0] * 31)
    off = [int((2 + luck[1 + side] * 7) * share) for side in (0, 1)]
    on = [goals[side] + int((1 + luck[3 + side] * 5) * share) for side in (0, 1)]
    sides = []
    for side in (0, 1):
        one, two, three = luck[5 + side], luck[7 + side], luck[9 + side]
        held = (ball, 100 - ball)[side]
        total = on[side] + off[side] + int(luck[11 + side] * 5 * share)
        attacks, inside = int((60 + one * 60) * share), int(total * (0.5 + two * 0.3))
        sides.append(
            [int((2 + two * 9) * share), off[side], total, attacks, int(attacks * (0.4 + three * 0.3)), held,
             int((50 + three * 60) * share), int(one < 0.1 and share > 0.5), inside, total - inside,
             int(three * 5 * share), goals[side], int((4 + one * 9) * share), total, int((8 + three * 10) * share),
             int((7 + two * 11) * share), on[1 - side] - goals[1 - side], int((10 + one * 15) * share),
             cards[side][0], cards[side][1], on[side]]
        )  # fmt: skip
    return sides
