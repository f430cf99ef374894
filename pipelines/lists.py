"""Reading an API's lists: page by page, as polls with a header, and by id in batches. Shared by all sources."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.client import Answer, ApiError, Client, bisect
from pipelines.resources import Fetched, Outcome, PollHeader, Rows, Unit
from pipelines.tables import Table

Params = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """A page of a list."""

    data: list[Any]
    answer: Answer


@dataclass(frozen=True)
class ListShape:
    """How an API hands out lists: where an answer has its rows and its next cursor, and the parameters for both.

    rows, cursor: keys, from the outside in.
    """

    rows: tuple[str, ...]
    cursor: tuple[str, ...]
    cursor_param: str
    size_param: str

    def rows_of(self, answer: Answer | ApiError, path: str) -> list[Any]:
        """The rows of an answer.

        Raises:
            ApiError: it is one, or its body is not of this shape.
        """
        if isinstance(answer, ApiError):
            raise answer
        rows = _within(answer.body, self.rows)
        if not isinstance(rows, list):
            raise ApiError(f"{path}: the answer has no list named {'.'.join(self.rows)}")
        return rows

    def walk(
        self, client: Client, path: str, params: Params, size: int, pages: int, resource: str
    ) -> Iterator[tuple[Page, bool]]:
        """Read a list forwards, up to so many pages; each page comes with whether more follow it.

        The end is a missing cursor, an empty page or a cursor that was there before: the API may send a cursor after
        its last row, and a page may be short while more follow.
        """
        cursors: set[str] = set()
        cursor = ""
        for _ in range(pages):
            after = [(self.cursor_param, cursor)] if cursor else []
            answer = client.get(path, [*params, (self.size_param, str(size)), *after], resource=resource)
            data = self.rows_of(answer, path)
            found = _within(answer.body, self.cursor)
            more = bool(data) and isinstance(found, str) and bool(found.strip()) and found not in cursors
            yield Page(data, answer), more
            if not more:
                return
            cursor = found
            cursors.add(cursor)


class Poll:
    """A poll of one list under way: counts what it has read, for its header."""

    def __init__(self, table: Table, slot_at: dt.datetime, scope: str, started_at: dt.datetime):
        self._table = table
        self._slot_at = slot_at
        self._scope = scope
        self._started_at = started_at
        self.pages = 0
        self.rows = 0

    def page(self, page: Page, is_complete: bool, is_exhaustive: bool) -> Fetched:
        """The page's rows, with the header as it stands after it."""
        self.pages += 1
        self.rows += len(page.data)
        return Fetched(
            rows=[Rows(self._table, page.data, page.answer, self._slot_at)],
            polls=[self.header(page.answer.fetched_at, is_complete, is_exhaustive)],
        )

    def walk(self, pages: Iterator[tuple[Page, bool]], limit: int, note: Callable[[Page], None]) -> Iterator[Fetched]:
        """Poll a list of at most `limit` pages to its end, with the outcome; `note` is shown each page."""
        try:
            for page, more in pages:
                note(page)
                yield self.page(page, is_complete=not more or self.pages + 1 == limit, is_exhaustive=not more)
            yield Fetched(outcomes=[Outcome(self._scope, "ok", self.rows)])
        except ApiError as error:
            yield Fetched(outcomes=[Outcome(self._scope, "failed", self.rows, message=str(error))])

    def by_id(
        self,
        ids: Sequence[str],
        size: int,
        fetch: Callable[[Sequence[str]], Answer],
        rows_of: Callable[[Answer | ApiError], list[Any]],
        now: Callable[[], dt.datetime],
        key: str | None = None,
        is_all: bool = True,
    ) -> Iterator[Fetched]:
        """Ask for ids in batches of `size`; one batch that fails does not cost the others. Ends with the outcome.

        key: where the rows have the id, if each id is a unit of its own with an outcome of its own.
        is_all: whether nobody else should have been asked for.
        """
        refused: list[str] = []
        for start in range(0, len(ids), size):
            for part, answer in bisect(ids[start : start + size], fetch):
                try:
                    page = Page(rows_of(answer), answer)  # type: ignore[arg-type]
                except ApiError as error:
                    refused.append(f"{len(part)} ids: {error}")
                    if key:
                        yield Fetched(outcomes=[Outcome(one, "failed", message=str(error)) for one in part])
                    continue
                found = self.page(page, is_complete=False, is_exhaustive=False)
                if key:
                    found.outcomes += presence(part, page.data, key)
                yield found
        # only the end tells whether everybody was asked
        is_whole = is_all and not refused
        message = "; ".join(refused)[:300] or None
        yield Fetched(
            polls=[self.header(now(), is_complete=is_whole, is_exhaustive=is_whole)],
            outcomes=[] if key else [Outcome(self._scope, "failed" if refused else "ok", self.rows, message=message)],
        )

    def header(self, finished_at: dt.datetime, is_complete: bool, is_exhaustive: bool) -> PollHeader:
        """How much has been read."""
        return PollHeader(
            self._slot_at, self._scope, self._started_at, finished_at, self.pages, self.rows, is_complete, is_exhaustive
        )


def fetch_by_id(
    units: Sequence[Unit],
    table: Table,
    fetch: Callable[[Sequence[str]], Answer],
    rows_of: Callable[[Answer | ApiError], list[Any]],
    is_id: Callable[[str], bool],
    key: str,
) -> Fetched:
    """Rows by id in one call; ids that the API leaves out are absent, and one that it refuses does not cost the others.

    is_id: whether the API would take a text as an id; one that it would not take is failed without asking.
    """
    found = Fetched()
    sound = [unit.unit_id for unit in units if is_id(unit.unit_id)]
    found.outcomes += [
        Outcome(unit.unit_id, "failed", message=f"not an id of {table.source}")
        for unit in units
        if not is_id(unit.unit_id)
    ]
    if not sound:
        return found
    for part, answer in bisect(sound, fetch):
        try:
            data = rows_of(answer)
        except ApiError as error:
            found.outcomes += [Outcome(one, "failed", message=str(error)) for one in part]
            continue
        found.rows.append(Rows(table, data, answer))  # type: ignore[arg-type]
        found.outcomes += presence(part, data, key)
    return found


def presence(ids: Sequence[str], rows: Sequence[Any], key: str) -> list[Outcome]:
    """The outcomes of ids that were asked for together: there, or left out."""
    present = {str(row[key]) for row in rows if isinstance(row, dict) and isinstance(row.get(key), str | int)}
    return [Outcome(one, "ok" if one in present else "absent", int(one in present)) for one in ids]


def batches(size: int) -> Callable[[Sequence[Unit], Any], int]:
    """An estimate of the calls for units that are asked for so many at a time."""
    return lambda units, settings: -(-len(units) // size)


def _within(body: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        body = body.get(key) if isinstance(body, dict) else None
    return body
