"""Filters, order and pages of SageMaker's List operations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

from localcloud.sagemaker.naming import validation_error

Record = dict[str, Any]
DEFAULT_PAGE = 10


def listing(
    records: Iterable[Record],
    request: Record,
    *,
    name: str,
    status: str | None = None,
    members: Sequence[str],
    result: str,
) -> Record:
    """One page of a List operation's response.

    `name` and `status` are the records' members that NameContains, SortBy and StatusEquals speak
    of; `members` are those a summary has; `result` is the response's member for the list.
    """
    kept = [record for record in records if _is_wanted(record, request, name, status)]
    sort_member = _sort_member(request.get("SortBy"), name, status)
    default_order = "Ascending" if sort_member == name else "Descending"
    descending = request.get("SortOrder", default_order) == "Descending"
    # The name settles equal times, so that pages never repeat or skip a record.
    kept.sort(key=lambda record: (record[sort_member], str(record[name])), reverse=descending)
    page, token = _page(kept, request)
    summaries = [{key: record[key] for key in members if key in record} for record in page]
    return {result: summaries, **({"NextToken": token} if token else {})}


def _is_wanted(record: Record, request: Record, name: str, status: str | None) -> bool:
    bounds = {"CreationTime": record["CreationTime"]}
    bounds["LastModifiedTime"] = record.get("LastModifiedTime", record["CreationTime"])
    for member, value in bounds.items():
        if value < request.get(f"{member}After", value):
            return False
        if value > request.get(f"{member}Before", value):
            return False
    if status and request.get("StatusEquals", record[status]) != record[status]:
        return False
    contained = str(request.get("NameContains", "")).lower()
    return contained in str(record[name]).lower()


def _sort_member(sort_by: str | None, name: str, status: str | None) -> str:
    if sort_by == "Name":
        return name
    if sort_by == "Status":
        return status or "CreationTime"
    return sort_by or "CreationTime"


def _page(records: list[Record], request: Record) -> tuple[list[Record], str | None]:
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", DEFAULT_PAGE)
    token = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(records) else None
    return records[start:end], token


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except (ValueError, binascii.Error):
        raise validation_error("The NextToken is not one that this operation returned.") from None
