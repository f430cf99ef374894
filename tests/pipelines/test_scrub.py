"""The scrubber: no secret passes, in whatever form it comes."""

from __future__ import annotations

import logging
import sys

import pytest

from pipelines.scrub import MASK, Scrubber, ScrubbingFormatter, clean_traceback

SECRET = "s3cr3t/with+odd chars&="


@pytest.mark.parametrize(
    "form", [SECRET, "s3cr3t%2Fwith%2Bodd%20chars%26%3D", "s3cr3t%2Fwith%2Bodd+chars%26%3D"], ids=["raw", "url", "form"]
)
def test_secrets_are_masked_raw_and_url_encoded(form: str) -> None:
    assert Scrubber([SECRET]).clean(f"GET /x?key={form}&a=1") == f"GET /x?key={MASK}&a=1"


def test_a_secret_that_holds_another_is_masked_whole() -> None:
    for order in (["token", "token-and-more"], ["token-and-more", "token"]):
        assert Scrubber(order).clean("<token-and-more> <token>") == f"<{MASK}> <{MASK}>"


def test_secrets_learnt_later_are_masked_from_then_on() -> None:
    scrubber = Scrubber()
    assert scrubber.clean("issued-token") == "issued-token"
    scrubber.add("issued-token")
    assert scrubber.clean("issued-token") == MASK


def test_none_and_very_short_texts_are_no_secrets() -> None:
    assert Scrubber([None, "", "a", "abc"]).clean("abcabc") == "abcabc"


def test_log_lines_are_clean_in_message_arguments_and_traceback() -> None:
    formatter = ScrubbingFormatter(Scrubber([SECRET]), "%(levelname)s %(message)s")
    try:
        raise ValueError(f"refused {SECRET}")
    except ValueError:
        record = logging.LogRecord("airtime", logging.ERROR, "", 1, "sent %s", (SECRET,), sys.exc_info())
    text = formatter.format(record)
    assert text.startswith(f"ERROR sent {MASK}") and f"ValueError: refused {MASK}" in text
    assert SECRET not in text


def test_tracebacks_are_clean_down_to_their_cause() -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise RuntimeError(f"could not use {SECRET}") from cause
    except RuntimeError as error:
        text = clean_traceback(Scrubber([SECRET]), error)
    assert "KeyError" in text and f"could not use {MASK}" in text and SECRET not in text
