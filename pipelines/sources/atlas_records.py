"""Records of any JSON API: cut out of an answer exactly as they came, hashed by their content, made fit for JSON types.

Nothing is encoded again that is kept. A number is what was written: 2^53 + 1 and 1.50 stay what they are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from requests.exceptions import ContentDecodingError

REPLACEMENT = "\\ufffd"
ESCAPE = re.compile(r'\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt]')
SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
SPACE = re.compile(r"[ \t\n\r]*")
# numerals beyond this have no place in a number of any warehouse
GREATEST_EXPONENT = 10_000

_hashed = msgspec.json.Encoder(order="deterministic", decimal_format="number")


@dataclass(frozen=True)
class Record:
    """A record: its text as received, and its value."""

    text: str
    value: Any


@dataclass(frozen=True)
class Envelope:
    """An answer: what surrounds its records, and these."""

    around: Any
    records: list[Record]


def split(content: bytes, path: Sequence[str]) -> Envelope:
    """The records of an answer; `path` leads to their list, from the outside in, and is empty where the body is it.

    Raises:
        ContentDecodingError: not JSON, as a truncated body is, or no list is there; worth another try.
    """
    try:
        text = content.decode("utf-8", "surrogateescape")
        around, records, end = _inside(text, _skip(text, 0), list(path))
        if _skip(text, end) != len(text):
            raise ValueError("more follows its end")
    except (ValueError, IndexError, RecursionError) as error:
        raise ContentDecodingError(f"the answer is not JSON of the declared shape: {error}") from None
    return Envelope(around, records)


def within(value: Any, path: Iterable[str]) -> Any:
    """What is found at the end of a path of keys; None if there is nothing."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def content_hash(value: Any, volatile: Iterable[Sequence[str]] = ()) -> str:
    """SHA-256 over canonical JSON: keys in order, no space, numbers as written, volatile fields left out.

    Raises:
        ValueError: it can not be written: nested too deep.
    """
    for path in volatile:
        value = _without(value, path)
    try:
        text = _hashed.encode(value)
    except UnicodeEncodeError:
        # halves of surrogate pairs, which only escapes can spell
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return hashlib.sha256(text).hexdigest()


def fit_for_json(text: str) -> str | None:
    """The text with what no JSON type holds (NUL, halves of surrogate pairs) replaced; None if it is fit as it is."""
    if not SUSPECT.search(text):
        return None
    fit = ESCAPE.sub(lambda found: REPLACEMENT if _is_unfit(found[0]) else found[0], text)
    return None if fit == text else fit


def refuse_what_no_warehouse_holds(value: Any) -> None:
    """See to it that every number fits the types of a warehouse.

    Raises:
        ValueError: one does not.
    """
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or abs(exponent) > GREATEST_EXPONENT:
            raise ValueError("it holds a number that no warehouse does")
    elif isinstance(value, dict):
        for member in value.values():
            refuse_what_no_warehouse_holds(member)
    elif isinstance(value, list):
        for member in value:
            refuse_what_no_warehouse_holds(member)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]} is no number") from None


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_decoder = json.JSONDecoder(parse_float=_number, parse_constant=_no_constant)


def _inside(text: str, at: int, path: list[str]) -> tuple[Any, list[Record], int]:
    """The value at a place without the records in it, the records, and where it ends."""
    if not path:
        return (None, *_list(text, at))
    if text[at] != "{":
        raise ValueError(f"there is no object to look for {path[0]!r} in")
    around: dict[str, Any] = {}
    records: list[Record] | None = None
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, at = _decoder.raw_decode(text, at)
        at = _skip(text, at)
        if not isinstance(key, str) or text[at] != ":":
            raise ValueError(f"a key was expected at character {at}")
        at = _skip(text, at + 1)
        if key == path[0]:
            around[key], records, at = _inside(text, at, path[1:])
        else:
            around[key], at = _decoder.raw_decode(text, at)
        at = _next(text, at, "}")
    if records is None:
        raise ValueError(f"there is no {path[0]!r}")
    return around, records, at + 1


def _list(text: str, at: int) -> tuple[list[Record], int]:
    if text[at] != "[":
        raise ValueError("there is no list where the records should be")
    records = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        value, end = _decoder.raw_decode(text, at)
        records.append(Record(text[at:end], value))
        at = _next(text, end, "]")
    return records, at + 1


def _next(text: str, at: int, end: str) -> int:
    """Where the next member is, or the end."""
    at = _skip(text, at)
    if text[at] == ",":
        at = _skip(text, at + 1)
        if text[at] != end:
            return at
    elif text[at] == end:
        return at
    raise ValueError(f"a comma or {end} was expected at character {at}")


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    assert found
    return found.end()


def _without(value: Any, path: Sequence[str]) -> Any:
    """A value without what a path leads to, in all members of lists on the way."""
    if isinstance(value, list):
        return [_without(member, path) for member in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {key: member for key, member in value.items() if key != path[0]}
    return {**value, path[0]: _without(value[path[0]], path[1:])}


def _is_unfit(escape: str) -> bool:
    if len(escape) != 6:
        return False
    code = int(escape[2:], 16)
    return code == 0 or 0xD800 <= code <= 0xDFFF
