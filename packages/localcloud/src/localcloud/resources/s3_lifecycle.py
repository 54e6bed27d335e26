"""AWS::S3::Bucket's lifecycle rules as S3's API takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
_CHANGED = {
    "ExpirationDate",
    "ExpirationInDays",
    "ExpiredObjectDeleteMarker",
    "Id",
    "NoncurrentVersionExpirationInDays",
    "NoncurrentVersionTransition",
    "NoncurrentVersionTransitions",
    "ObjectSizeGreaterThan",
    "ObjectSizeLessThan",
    "Prefix",
    "TagFilters",
    "Transition",
    "Transitions",
}
_FILTERS = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")


def lifecycle_rules(value: Json) -> Json:
    return {**value, "Rules": [_rule(rule) for rule in value["Rules"]]}


def _rule(rule: Json) -> Json:
    # What this doesn't know stays as it is, so that it is noted as not simulated.
    fitted: dict[str, Any] = {name: value for name, value in rule.items() if name not in _CHANGED}
    fitted["Filter"] = _filter(rule)
    if "Id" in rule:
        fitted["ID"] = rule["Id"]
    if expiration := _expiration(rule):
        fitted["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        days = rule["NoncurrentVersionExpirationInDays"]
        fitted["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if transitions := _listed(rule, "Transition"):
        fitted["Transitions"] = [_transition(item, "Days", "Date") for item in transitions]
    if transitions := _listed(rule, "NoncurrentVersionTransition"):
        fitted["NoncurrentVersionTransitions"] = [
            _transition(item, "NoncurrentDays", "") for item in transitions
        ]
    return fitted


def _filter(rule: Json) -> Json:
    conditions: dict[str, Any] = {name: rule[name] for name in _FILTERS if name in rule}
    tags = rule.get("TagFilters", [])
    if "Prefix" in rule:
        conditions["Prefix"] = rule["Prefix"]
    if len(conditions) + len(tags) > 1:
        return {"And": conditions | ({"Tags": tags} if tags else {})}
    return {"Tag": tags[0]} if tags else conditions or {"Prefix": ""}


def _expiration(rule: Json) -> Json:
    names = {
        "ExpirationInDays": "Days",
        "ExpirationDate": "Date",
        "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
    }
    return {api: rule[name] for name, api in names.items() if name in rule}


def _listed(rule: Json, name: str) -> list[Json]:
    # CloudFormation keeps the older singular member beside the list.
    return [*rule.get(f"{name}s", []), *([rule[name]] if name in rule else [])]


def _transition(item: Json, days: str, date: str) -> Json:
    names = {"TransitionInDays": days, "TransitionDate": date}
    return {names.get(name, name): value for name, value in item.items()}
