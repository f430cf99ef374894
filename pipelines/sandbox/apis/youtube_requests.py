"""What a request to the simulated YouTube API asks for, and the refusals, in the shapes that the real one has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pipelines.sandbox.apis.base import Answer, Call, Row

MAX_BATCH = 50
PARTS = {
    "/search": {"id", "snippet"},
    "/videos": {"id", "snippet", "liveStreamingDetails", "statistics", "contentDetails", "status"},
    "/channels": {"id", "snippet", "statistics", "contentDetails", "status"},
    "/videoCategories": {"id", "snippet"},
}
STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
}  # fmt: skip
QUOTA_TEXT = (
    'The request cannot be completed because you have exceeded your <a href="/youtube/v3/getting-started#quota">quota'
    "</a>."
)
SEARCH_TEXT = (
    "Quota exceeded for quota metric 'Search Queries' and limit 'Search Queries per {period}' of service"
    " 'youtube.googleapis.com' for consumer 'project_number:100000000000'."
)


class Problem(Exception):
    """Raised to answer with an error in the API's shape."""

    def __init__(self, status: int, reason: str, message: str, domain: str = "youtube.parameter", **more: Any) -> None:
        super().__init__(message)
        self.answer = error_answer(status, reason, message, domain, **more)


def error_answer(status: int, reason: str, message: str, domain: str, details: Sequence[Row] = ()) -> Answer:
    """Return an error as the API words it."""
    error: Row = {"code": status, "message": message, "errors": [{"message": message, "domain": domain}]}
    error["errors"][0]["reason"] = reason
    if details or domain == "global":
        error["status"] = STATUSES[status]
    if details:
        error["details"] = list(details)
    return Answer(status, {"error": error})


def integer(call: Call, name: str, default: int, most: int) -> int:
    """Return a parameter that is a number between 0 and `most`."""
    text = call.one(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,9}", text) or int(text) > most:
        message = f"Invalid value '{text}'. Values must be within the range: [0, {most}]"
        raise Problem(400, "invalidParameter", message, "global")
    return int(text)


def parts(call: Call) -> set[str]:
    """Return the parts of a resource that are asked for."""
    asked = {part for text in call.all("part") for part in text.split(",") if part}
    if not asked:
        raise Problem(400, "missingRequiredParameter", "Required parameter: part", "global")
    if unknown := asked - PARTS[call.path]:
        raise Problem(400, "unknownPart", f"'{min(unknown)}'", "youtube.part")
    return asked


def ids(call: Call) -> list[str] | None:
    """Return the ids that are asked for, each once; None if the parameter is not given."""
    if call.one("id") is None:
        return None
    found = list(dict.fromkeys(one for text in call.all("id") for one in text.split(",") if one))
    if len(found) > MAX_BATCH:
        raise Problem(400, "invalidFilters", "The request specifies an invalid filter parameter.")
    if call.one("maxResults") is not None:
        raise Problem(400, "incompatibleParameters", "Incompatible parameters specified in the request: id, maxResults")
    return found


def moment(call: Call, name: str, default: float) -> float:
    """Return a parameter in RFC 3339 as epoch seconds."""
    text = call.one(name)
    if text is None:
        return default
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise Problem(400, "invalidParameter", f"Invalid value for {name}: '{text}'", "global")
    return parsed.timestamp()
