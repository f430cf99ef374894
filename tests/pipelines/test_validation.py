"""Strict validation: a row fits its declaration or is refused whole, and nothing is coerced or lost on the way."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from pipelines.tables import Field, Table
from pipelines.validation import Checked, Context, as_arrow, as_text, check, content_hash, own_rows

CONTEXT = Context(
    slot_at=dt.datetime(2026, 10, 1, 12, 0, tzinfo=dt.UTC),
    fetched_at=dt.datetime(2026, 10, 1, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-2))),
    request_id="run-api-000001",
)
KINDS = ("text", "bigint", "double", "bool", "timestamp", "date", "json")
REFUSED: dict[str, list[Any]] = {
    "text": [1, 1.5, True, ["a"], {"a": 1}],
    "bigint": [1.5, 1.0, "1", "", True, 2**63, -(2**63) - 1, 10**30, [1]],
    "double": ["1.5", True, "NaN", [1.5]],
    "bool": [0, 1, "true", "", []],
    "timestamp": [
        1_790_000_000, 1_790_000_000.5, "1790000000", "2026-10-01", "2026-10-01T12:00:00", "2026-10-01 noon",
        "2026-02-30T00:00:00Z", "", True, "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
    ],
    "date": [20261001, "2026-10-01T12:00:00Z", "01.10.2026", "2026-13-01", "", True],
}  # fmt: skip
TAKEN: dict[str, list[tuple[Any, Any]]] = {
    "text": [("", ""), ("a\n\"b\"\\,'c'", "a\n\"b\"\\,'c'"), ("зритель 👩🏽‍🚀", "зритель 👩🏽‍🚀")],
    "bigint": [(0, 0), (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63))],
    "double": [(1.5, 1.5), (1, 1.0), (-0.0, 0.0)],
    "bool": [(True, True), (False, False)],
    "timestamp": [
        ("2026-10-01T12:00:00Z", dt.datetime(2026, 10, 1, 12)),
        ("2026-10-01T12:00:00.123456+05:30", dt.datetime(2026, 10, 1, 6, 30, 0, 123456)),
        ("1969-12-31T23:00:00-02:00", dt.datetime(1970, 1, 1, 1)),
        ("0001-01-01T00:00:00Z", dt.datetime(1, 1, 1)),
    ],
    "date": [("2026-10-01", dt.date(2026, 10, 1)), ("1900-02-28", dt.date(1900, 2, 28))],
    "json": [
        ([], "[]"),
        ({"a": [1, None, "é\\u0000"]}, '{"a":[1,null,"é\\\\u0000"]}'),
        ("text", '"text"'),
        (10**30, str(10**30)),
        (False, "false"),
    ],
}


def table(*fields: Field) -> Table:
    return Table("demo", "things", "One row per thing.", ("id",), (Field("id", "text", "."), *fields), kept="slot")


def check_value(kind: Any, value: Any, **presence: bool) -> Checked:
    return check(table(Field("value", kind, ".", **presence)), [{"id": "a", "value": value}], CONTEXT)


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind, values in REFUSED.items() for value in values])
def test_a_value_of_another_type_is_refused_and_never_coerced(kind: str, value: Any) -> None:
    checked = check_value(kind, value)
    assert checked.rows.num_rows == 0
    (refused,) = checked.refused
    assert json.loads(refused.payload) == {"id": "a", "value": value}
    assert refused.reason


def test_the_reason_names_the_field() -> None:
    (refused,) = check_value("bigint", "1").refused
    assert refused.reason.endswith("`$.value`") and "int" in refused.reason and "str" in refused.reason


@pytest.mark.parametrize(
    ("kind", "value", "stored"), [(kind, *pair) for kind, pairs in TAKEN.items() for pair in pairs]
)
def test_a_value_of_its_type_is_kept_exactly_and_times_in_utc(kind: str, value: Any, stored: Any) -> None:
    checked = check_value(kind, value)
    assert not checked.refused
    assert checked.rows["value"].to_pylist() == [stored]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "json"])
def test_null_needs_a_nullable_field_and_absence_an_optional_one(kind: str) -> None:
    absent, null = [{"id": "a"}], [{"id": "a", "value": None}]
    for flags, taken in (({}, [0, 0]), ({"null": True}, [0, 1]), ({"optional": True}, [1, 1])):
        declared = table(Field("value", kind, ".", **flags))  # type: ignore[arg-type]
        assert [check(declared, rows, CONTEXT).rows.num_rows for rows in (absent, null)] == taken


def test_absent_and_null_are_stored_as_null() -> None:
    declared = table(Field("value", "json", ".", null=True, optional=True))
    checked = check(declared, [{"id": "a"}, {"id": "b", "value": None}, {"id": "c", "value": ""}], CONTEXT)
    assert checked.rows["value"].to_pylist() == [None, None, '""']


@pytest.mark.parametrize(("value", "fits"), [([], True), (["a"], True), ([1], False), ("a", False), ({}, False)])
def test_a_json_field_holds_what_it_is_declared_to_hold(value: Any, fits: bool) -> None:
    declared = table(Field("value", "json", ".", of=list[str]))
    assert bool(check(declared, [{"id": "a", "value": value}], CONTEXT).rows.num_rows) is fits


def test_rows_of_several_answers_become_one_table_in_order_each_with_what_is_known_of_its_answer() -> None:
    declared = table(Field("value", "timestamp", ".", null=True))
    later = Context(CONTEXT.slot_at, CONTEXT.fetched_at + dt.timedelta(minutes=1), "run-api-000002")
    parts = [
        check(declared, [{"id": "b", "value": "2026-10-01T12:00:00+02:00"}, {"id": 1, "value": None}], CONTEXT),
        check(declared, [], CONTEXT),
        check(declared, [{"id": "a", "value": None}, {"id": "c", "value": "2026-10-01T12:00:00Z", "new": 1}], later),
    ]
    assert [part.count for part in parts] == [1, 0, 2]
    rows = as_arrow(declared, parts)
    assert rows.schema == declared.arrow_schema
    assert rows.select(["id", "value", "request_id", "_extra"]).to_pylist() == [
        {"id": "b", "value": dt.datetime(2026, 10, 1, 10), "request_id": "run-api-000001", "_extra": None},
        {"id": "a", "value": None, "request_id": "run-api-000002", "_extra": None},
        {"id": "c", "value": dt.datetime(2026, 10, 1, 12), "request_id": "run-api-000002", "_extra": '{"new":1}'},
    ]
    assert as_arrow(declared, []).equals(declared.arrow_schema.empty_table())


@pytest.mark.parametrize("row", [None, 1, "a", [], ["id", "a"], True, 1.5])
def test_what_is_not_an_object_is_refused_whole(row: Any) -> None:
    checked = check(table(), [row, {"id": "good"}], CONTEXT)
    assert checked.rows["id"].to_pylist() == ["good"]
    assert [json.loads(one.payload) for one in checked.refused] == [row]


def test_unknown_fields_are_kept_aside_and_named() -> None:
    rows = [{"id": "a", "new": {"deep": [1, "é"]}, "slot_at": "x"}, {"id": "b"}, {"id": "c", "other": None}]
    checked = check(table(), rows, CONTEXT)
    extras = [None if text is None else json.loads(text) for text in checked.rows["_extra"].to_pylist()]
    assert extras == [{"new": {"deep": [1, "é"]}, "slot_at": "x"}, None, {"other": None}]
    assert checked.unknown_fields == {"new", "slot_at", "other"}
    assert checked.rows["slot_at"].to_pylist() == [dt.datetime(2026, 10, 1, 12)] * 3


def test_unknown_fields_of_refused_rows_are_in_their_payload_only() -> None:
    checked = check(table(), [{"id": 1, "new": 2}], CONTEXT)
    assert not checked.unknown_fields and json.loads(checked.refused[0].payload) == {"id": 1, "new": 2}


@pytest.mark.parametrize("bad", ["a\x00b", "\ud83d", "\udc00tail", "pair the wrong way \udc00\ud83d"])
@pytest.mark.parametrize(
    "place",
    [
        lambda bad: {"id": bad},
        lambda bad: {"id": "a", "list": [{"deep": bad}]},
        lambda bad: {"id": "a", "unknown": bad},
        lambda bad: {"id": "a", "list": {bad: 1}},
        lambda bad: {"id": "a", bad: 1},
    ],
    ids=["field", "json", "unknown", "json key", "unknown key"],
)
def test_nul_and_half_surrogates_are_refused_wherever_they_stand(place: Any, bad: str) -> None:
    row = place(bad)
    checked = check(table(Field("list", "json", ".", optional=True)), [row, {"id": "good"}], CONTEXT)
    assert checked.rows["id"].to_pylist() == ["good"]
    (refused,) = checked.refused
    assert refused.payload.isascii() and json.loads(refused.payload) == row
    assert "NUL" in refused.reason or "surrogate" in refused.reason


def test_text_is_json_in_ascii_that_reads_back_equal() -> None:
    value = {"ключ": ["é", "👩🏽‍🚀", '"\\', "\x00", "\ud83d", 10**30, 1.5, None, True]}
    assert as_text(value).isascii() and json.loads(as_text(value)) == value


def test_rows_carry_when_and_by_which_request_they_came() -> None:
    row = check(table(), [{"id": "a"}], CONTEXT).rows.to_pylist()[0]
    assert row["slot_at"] == dt.datetime(2026, 10, 1, 12)
    assert row["fetched_at"] == dt.datetime(2026, 10, 2, 1, 30)
    assert row["request_id"] == CONTEXT.request_id
    daily = Table("demo", "daily", "One row per thing and day.", ("id",), (Field("id", "text", "."),), kept="day")
    observed = check(daily, [{"id": "a"}], CONTEXT).rows["observed_on"].to_pylist()
    assert observed == [dt.date(2026, 10, 2)], "the day is the one in UTC"


def test_no_rows_make_an_empty_table_of_the_declared_schema() -> None:
    checked = check(table(), [], CONTEXT)
    assert checked.rows.num_rows == 0 and checked.rows.schema == table().arrow_schema


def test_own_rows_are_checked_for_names_and_keep_json_as_text() -> None:
    declared = Table(
        "ops", "own", "One row per run.", ("id",), (Field("id", "text", "."), Field("list", "json", ".", null=True)),
        fetched=False,
    )  # fmt: skip
    rows = own_rows(declared, [{"id": "a", "list": ["é"]}, {"id": "b"}, {"id": "c", "list": None}])
    assert rows.to_pylist() == [
        {"id": "a", "list": '["é"]'}, {"id": "b", "list": None}, {"id": "c", "list": None},
    ]  # fmt: skip
    with pytest.raises(KeyError, match="typo"):
        own_rows(declared, [{"id": "a", "typo": 1}])


def test_own_records_hold_no_character_that_a_warehouse_refuses() -> None:
    declared = Table("ops", "own", "One row per run.", ("id",), (Field("id", "text", "."),), fetched=False)
    (text,) = own_rows(declared, [{"id": "HTTP 500: a\x00b \ud83d"}])["id"].to_pylist()
    assert "\x00" not in text and text.encode() and text.startswith("HTTP 500: a")


def test_hashes_tell_contents_and_their_parts_apart() -> None:
    assert content_hash("a", "b") == content_hash("a", "b") != content_hash("ab")
    assert content_hash("a", "b") != content_hash("b", "a")
