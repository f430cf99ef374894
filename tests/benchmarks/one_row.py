"""The way of the system before this one, to compare with: one thread takes rows from a queue, and commits each."""

from __future__ import annotations

import multiprocessing
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import psycopg

TABLE = """
create table dados_raw (
    id bigint generated always as identity primary key, cliente_id text not null, origem text not null,
    payload jsonb not null, hash_conteudo text not null unique, data_coleta timestamp not null
)
"""
INSERT = """
insert into dados_raw (cliente_id, origem, payload, hash_conteudo, data_coleta) values (%s, %s, %s, %s, %s)
on conflict do nothing
"""
Row = tuple[Any, ...]


def write(url: str, rows: Sequence[Row], report: Callable[[int], None] = lambda count: None) -> None:
    """Write rows as INSERT takes them; after each commit `report` is told how many there have been."""
    waiting: queue.Queue[Row | None] = queue.Queue()

    def writer() -> None:
        with psycopg.connect(url) as connection:
            count = 0
            while (row := waiting.get()) is not None:
                connection.execute(INSERT, row)
                connection.commit()
                count += 1
                report(count)

    thread = threading.Thread(target=writer)
    thread.start()
    for row in (*rows, None):
        waiting.put(row)
    thread.join()


def _process(url: str, rows: Sequence[Row], committed: Any) -> None:
    def report(count: int) -> None:
        committed.value = count

    write(url, rows, report)


def write_until_killed(url: str, rows: Sequence[Row], at: int, pause: Callable[[], None]) -> int:
    """The same in a process that is killed after so many commits; returns how many it had reported."""
    context = multiprocessing.get_context("spawn")
    # without a lock, which a killed process would keep
    committed = context.Value("q", 0, lock=False)
    process = context.Process(target=_process, args=(url, rows, committed))
    process.start()
    while committed.value < at and process.is_alive():
        pause()
    process.kill()
    process.join()
    return int(committed.value)
