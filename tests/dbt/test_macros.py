"""What each macro and generic test of the dbt project gives, on both engines."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest

from tests.dbt.warehouse import Warehouse

SYNC_RESOURCES = ("streams", "users", "channels", "followers", "videos", "clips", "games")
ORDER = (
    '\'{"cliente": {"nome": "Zé", "email": null}, "itens": [1, {}], "total": "129.90", "frete": -7.5,'
    ' "id externo": 9007199254740993, "em": "2026-10-01T12:00:00.250Z"}\''
)
NOON = dt.datetime(2026, 10, 1, 12)
ODD_KEYS = ("", "a/b", "c~d", "it's", '"q"', "b\\s", "$ref", "x,y", "{z}", "0", "preço (R$)", "商品", "tab\there")
# macro, what is in JSON, what comes of it
TYPED = (
    ("date", "2024-02-29", dt.date(2024, 2, 29)),
    ("date", "2026-12-31", dt.date(2026, 12, 31)),
    *(("date", text, None) for text in ("2026-02-29", "1900-02-29", "2026-04-31", "2026-13-01", "0000-00-00", "", 5)),
    ("timestamp", "2024-02-29T23:59:59Z", dt.datetime(2024, 2, 29, 23, 59, 59)),
    *(("timestamp", f"2026-{text}", None) for text in ("02-30T00:00:00Z", "10-01T24:00:00Z", "10-01T12:00:00-03:00")),
    *(("bigint", number, number) for number in (0, -7, 2**53 + 1, 2**63 - 1, -(2**63))),
    *(("bigint", number, None) for number in (2**63, -(2**63) - 1, 10**25, 1.5, "x", None, True)),
    *(("double", number, number) for number in (0.1 + 0.2, -7.0, 1e99)),
    *(("double", text, None) for text in ("x", "", None, True, [1.5])),
    ("boolean", True, True),
    ("boolean", False, False),
    *(("boolean", text, None) for text in ("yes", 1, None)),
)


def test_values_from_macros(warehouse: Warehouse) -> None:
    pairs = {
        "{{ seconds_between(\"timestamp '2026-10-01 23:59:59.9'\", \"timestamp '2026-10-02 00:00:00'\") }}": 0,
        "{{ seconds_between(\"timestamp '2026-10-01 12:00:00'\", \"timestamp '2026-11-01 12:00:01.5'\") }}": 2678401,
        "{{ seconds_between(\"timestamp '2026-10-01 12:00:01'\", \"timestamp '2026-10-01 12:00:00'\") }}": -1,
        "{{ regexp_group(\"'a12b'\", '([0-9]+)') }}": "12",
        "{{ regexp_group(\"'ab'\", '([0-9]+)') }}": None,
        "{{ slot_seconds() // 2 }}": 150,
        "{{ session_reach() }}": 1200,
        "{{ slot_number(\"timestamp '1970-01-01 00:09:59.9'\") }}": 1,
        "{{ slot_number(\"timestamp '1970-01-02 00:00:00'\") }}": 288,
        # 10 viewers become 40 in 600 seconds: 25 on average, 17.5 in the first half
        "{{ viewing_until(600, 600, 10, 40) }}": 15000,
        "{{ viewing_until(300, 600, 10, 40) }}": 5250,
        "{{ viewing_until(300, 600, 40, 10) }}": 9750,
        "{{ viewing_until(1, 3, 0, 1) }}": 0,
        "{{ viewing_until(0, 0, 5, 9) }}": 0,
        "{{ viewing_until(300, 600, 10, 'cast(null as bigint)') }}": None,
        "'{{ generate_schema_name('live', none) }}'": "live",
        "'{{ generate_schema_name(none, none) }}'": "airtime",
        "{{ earliest('select min(slot_at) from nowhere') }}": dt.datetime(1, 1, 1),
        "{{ is_touched('rows') }}": True,
        "{{ in_states(5, 'final') }}": True,
        "{{ in_states(17, 'final') }}": False,
        "{{ in_states(17, 'decided') }}": True,
        "{{ in_states(12, 'dead') }}": True,
        "{{ json_text(as_json(ORDER), ['cliente', 'nome']) }}": "Zé",
        "{{ json_text(as_json(ORDER), ['id externo']) }}": "9007199254740993",
        "{{ json_text(as_json(ORDER), ['cliente', 'email']) }}": None,
        "{{ json_text(as_json(ORDER), ['nothing', 'there']) }}": None,
        "{{ json_length(json_member(as_json(ORDER), ['itens'])) }}": 2,
        "{{ json_length(json_member(as_json(ORDER), ['cliente'])) }}": None,
        "{{ json_length(json_member(as_json(ORDER), ['nothing'])) }}": None,
        "{{ json_decimal(as_json(ORDER), ['total']) }}": Decimal("129.90"),
        "{{ json_decimal(as_json(ORDER), ['frete']) }}": Decimal("-7.50"),
        "{{ json_decimal(as_json(ORDER), ['cliente', 'nome']) }}": None,
        "{{ json_timestamp(as_json(ORDER), ['em']) }}": NOON,
        "{{ json_timestamp(as_json(ORDER), ['total']) }}": None,
        "{{ score_text(2, 1) }}": "2-1",
        "{{ score_text(2, 'cast(null as bigint)') }}": None,
        # 60 points of home advantage, in hundredths
        "cast(10000 * {{ elo_expectation(150000, 150000, 6000) }} as bigint)": 5855,
        "cast(10000 * {{ elo_expectation(150000, 190000, 0) }} as bigint)": 909,
        "{{ elo_change(2000, 2, 150000, 150000, 6000) }}": 829,
        "{{ elo_change(2000, 0, 150000, 150000, -6000) }}": -829,
        "{{ elo_change(2000, 1, 150000, 150000, 0) }}": 0,
    }
    template = "{% set ORDER = " + repr(ORDER) + " %}select " + ",\n".join(pairs)
    assert dict(zip(pairs, warehouse.sql(template)[0], strict=True)) == pairs


def literal(value: object) -> str:
    """A value in JSON, as a literal of SQL within Jinja."""
    return repr("'" + json.dumps(value, ensure_ascii=False).replace("'", "''") + "'")


def test_what_is_in_json_is_found_whatever_its_key(warehouse: Warehouse) -> None:
    found = {key: str(place) for place, key in enumerate(ODD_KEYS)}
    odd = literal(found | {"deep": {"a,b": {"c/d": "found"}}})
    parts = [f"{{{{ json_text(as_json({odd}), {[key]!r}) }}}}" for key in ODD_KEYS]
    deep = f"{{{{ json_text(json_member(as_json({odd}), ['deep']), ['a,b', 'c/d']) }}}}"
    assert warehouse.sql("select " + ", ".join([*parts, deep])) == [(*found.values(), "found")]


def test_what_is_in_json_is_typed_or_null_and_never_an_error(warehouse: Warehouse) -> None:
    parts = [f"{{{{ json_{kind}(as_json({literal({'v': value})}), ['v']) }}}}" for kind, value, _ in TYPED]
    found = warehouse.sql("select " + ", ".join(parts))[0]
    assert list(zip(TYPED, found, strict=True)) == [(one, one[2]) for one in TYPED]


def test_days_from_one_to_that_of_a_moment(warehouse: Warehouse) -> None:
    template = """
        with jobs as (
            select date '2026-02-27' as day, timestamp '2026-03-01 00:00:00' as now_at
            union all select date '2026-03-02', timestamp '2026-03-01 23:00:00'
        )
        select {{ days_from('day', 'now_at') }} as day from jobs order by day
    """
    assert warehouse.sql(template) == [(dt.date(2026, 2, 27),), (dt.date(2026, 2, 28),), (dt.date(2026, 3, 1),)]


def test_bounds_add_errors_in_quadrature_and_what_was_not_sampled_in_full(warehouse: Warehouse) -> None:
    template = """
        with viewing as (
            select 1 as id, 100 as viewer_seconds, 10 as viewer_seconds_below, 20 as viewer_seconds_above,
                cast(9 + 16 as numeric(38, 0)) as viewer_seconds_variance
            union all select 2, 12, 10, 0, 25
            union all select 3, null, 0, 0, 0
        )
        select {{ viewing_bound('viewing', 'lower') }}, {{ viewing_bound('viewing', 'upper') }}
        from viewing order by id
    """
    assert warehouse.sql(template) == [(85, 125), (0, 17), (None, None)]


def test_series_and_words_are_rows(warehouse: Warehouse) -> None:
    numbers = "with bounds as (select 1 as last union all select -1) select last, {{ series(0, 'last') }} from bounds"
    assert sorted(warehouse.sql(numbers)) == [(1, 0), (1, 1)]
    words = "select {{ words(\"'РАНКЕД! Zurück-gekehrt, (ÉLITE)/don''t 配信'\") }}"
    assert [word for (word,) in warehouse.sql(words) if word] == [
        *("ранкед", "zurück-gekehrt", "élite", "don't", "配信"),
    ]


def test_a_slot_is_as_long_as_the_setting_says(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLLECTION_INTERVAL_MINUTES", "60")
    assert warehouse.sql("select {{ slot_seconds() }}") == [(3600,)]


def test_the_latest_value_is_the_one_of_the_latest_time(warehouse: Warehouse) -> None:
    template = """
        with readings as (
            select 'a' as id, timestamp '2026-10-01 12:00:00' as read_at, cast(9 as bigint) as reading
            union all select 'a', timestamp '2026-10-01 12:05:00', 3
            union all select 'b', timestamp '2026-10-01 12:00:00', null
        )
        select id, {{ latest_bigint('reading', 'read_at') }} from readings group by id order by id
    """
    assert warehouse.sql(template) == [("a", 3), ("b", None)]


def test_names_that_differ_in_accents_punctuation_and_usual_words_are_alike(warehouse: Warehouse) -> None:
    names = {
        "Deportivo de La Coruña": "deportivocoruna",
        "RC DEPORTIVO": "rcdeportivo",
        "Beşiktaş": "besiktas",
        "Real Club-Deportivo": "realdeportivo",
        "FC St. Pauli": "stpauli",
        "Club de FC": "",
        "Acme": "acme",
    }
    columns = ", ".join(f"""{{{{ normalised_name("'{name}'") }}}}""" for name in names)
    assert dict(zip(names, warehouse.sql(f"select {columns}")[0], strict=True)) == names


def test_categories_that_differ_in_spelling_are_alike(warehouse: Warehouse) -> None:
    names = {
        "Café Teapot": "cafeteapot",
        "CAFE\N{COMBINING ACUTE ACCENT} TEAPOT": "cafeteapot",
        "Wizard & Yak": "wizardandyak",
        "wizard and yak™": "wizardandyak",
        "Ōkami: The Wolf’s Tale (2026)!": "okamithewolfstale2026",
        "Pools, Hot\N{NO-BREAK SPACE}Tubs – and_Beaches®": "poolshottubsandbeaches",
        "Tom''s “Half/Life” [demo]; part.2?": "tomshalflifedemopart2",
        "İstanbul Łódź": "istanbullodz",
        "雑談・原神": "雑談・原神",
        "C++ #1": "c++#1",
        "™ ?!": None,
        "": None,
    }
    columns = ", ".join(f"""{{{{ normalised_category("'{name}'") }}}}""" for name in names)
    assert dict(zip(names, warehouse.sql(f"select {columns}")[0], strict=True)) == names


def test_texts_are_ordered_by_their_characters(warehouse: Warehouse) -> None:
    template = """
        with names as (select 'b' as name union all select 'Z' union all select 'a' union all select 'É')
        select name from names order by {{ binary_order('name') }}
    """
    assert warehouse.sql(template) == [("Z",), ("a",), ("b",), ("É",)]


def test_the_planner_is_told_of_full_builds_on_postgresql_alone(warehouse: Warehouse) -> None:
    planned = "select '{{ plan_full_build() | length > 0 }}', '{{ plan_hash_joins() | length > 0 }}'"
    assert warehouse.sql(planned) == [(str(warehouse.target == "postgres"),) * 2]


def test_each_generic_test_finds_what_is_wrong(warehouse: Warehouse) -> None:
    template = """
        with parents as (
            select 'twitch' as platform, '1' as id, 10 as amount
            union all select 'kick', '2', 5
        ),
        children as (
            select 'twitch' as platform, '1' as id, 10 as amount
            union all select 'twitch', '2', -1
            union all select 'twitch', '2', 200
            union all select 'kick', null, null
        )
        select
            (select count(*) from ({{ test_unique_combination('parents', ['platform', 'id']) }}) as found),
            (select count(*) from ({{ test_unique_combination('children', ['platform', 'id']) }}) as found),
            (select count(*) from ({{ test_relationship('parents', ['platform', 'id'], 'parents') }}) as found),
            (select count(*) from ({{ test_relationship('children', ['platform', 'id'], 'parents') }}) as found),
            (select count(*) from ({{ test_in_range('children', 'amount', 0, 100) }}) as found),
            (select count(*) from ({{ test_in_range('children', 'amount', minimum=0) }}) as found),
            (select count(*) from ({{ test_in_range('children', 'amount', maximum=200) }}) as found),
            (select count(*) from ({{ test_expression_is_true('children', 'amount > 0') }}) as found),
            (select count(*) from ({{ test_equal_total('parents', 'sum(amount)', 'parents', '15') }}) as found),
            (select count(*) from ({{ test_equal_total('parents', 'sum(amount)', 'children', 'count(*)') }}) as found)
    """
    assert warehouse.sql(template) == [(0, 2, 0, 2, 2, 1, 0, 1, 0, 1)]


def test_each_sync_view_plans_its_own_resource(warehouse: Warehouse) -> None:
    unit = {"unit_id": "1", "source": "twitch", "last_attempt_at": NOON, "last_success_at": NOON}
    warehouse.load(
        NOON,
        {
            "raw_twitch.streams": [{"slot_at": NOON, "id": "s1", "user_id": "1", "game_id": "1"}],
            "raw_twitch.users": [],
        },
    )
    warehouse.load(
        NOON,
        {
            "raw_ops.clock": [{"clock_id": 1, "now_at": NOON + dt.timedelta(hours=1)}],
            "raw_ops.polls": [
                {"slot_at": NOON, "source": "twitch", "resource": "streams", "scope": "top", "is_complete": True}
            ],
            "raw_ops.sync_log": [
                {**unit, "resource": resource, "failures": number} for number, resource in enumerate(SYNC_RESOURCES)
            ],
        },
    )
    warehouse.build("--select", "+path:models/sync", "--exclude-resource-type", "test", "unit_test")
    planned = {
        resource: warehouse.execute(f"select unit_id, failures, max_age_seconds > 0 from sync.sync_twitch__{resource}")
        for resource in SYNC_RESOURCES
    }
    assert planned == {
        resource: [("1", number, resource != "streams")] for number, resource in enumerate(SYNC_RESOURCES)
    }
