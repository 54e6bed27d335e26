"""What an environment costs in a month in which nobody uses it, by its templates."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cli.cost import prices
from cli.cost.item import Item
from meguru.instance_offers import OFFERS
from stacks.environment import Endpoint, Environment

Resource = Mapping[str, Any]
Resources = Mapping[str, Resource]
# What a look that finds nothing to do takes, of a function and of a state machine.
LOOK_SECONDS = 0.5
LOOK_TRANSITIONS = 6
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_MINUTES = {"minute": 1, "hour": 60, "day": 24 * 60}


def read_templates(assembly: Path) -> list[Resources]:
    """The resources of each template of an assembly, by their logical ids."""
    return [
        json.loads(path.read_text(encoding="utf-8"))["Resources"]
        for path in sorted(assembly.glob("*.template.json"))
    ]


def idle_costs(environment: Environment, templates: list[Resources]) -> list[Item]:
    """Endpoints first, then what is there, what looks by the clock, and what has no price here."""
    return [*_endpoints(environment), *_resources(templates), *_looks(templates)]


def _endpoints(environment: Environment) -> Iterator[Item]:
    for key, model in environment.models.items():
        endpoint = model.endpoint
        number = _mean_instances(environment, endpoint)
        hours = number * prices.HOURS_A_MONTH
        if number:
            said = f"{number:.3g} x {endpoint.instance_type}, {hours:,.0f} hours"
            yield Item(f"endpoint {key}", instance_cost(endpoint.instance_type, hours), said)
        else:
            yield Item(f"endpoint {key}", 0.0, f"no {endpoint.instance_type} while nobody asks")
        names = [name for name, target in endpoint.targets.items() if target]
        dollars = sum(_TRACKING[name] for name in names)
        if endpoint.scales_to_zero:
            names.append("requests that find no instance")
            dollars += prices.ALARM_METRIC
        yield Item(f"scaling {key}", dollars, f"by {', '.join(names) or 'nothing'}")


_TRACKING = {
    "invocations": prices.TRACKING_ALARMS,
    "requests": prices.FINE_TRACKING_ALARMS,
    "tokens": prices.TRACKING_ALARMS,
}


def _mean_instances(environment: Environment, endpoint: Endpoint) -> float:
    """The fewest instances, on the average of a year where there are hours."""
    if endpoint.hours is None:
        return endpoint.min_instances
    year = date.today().year
    hours = endpoint.hours.of_endpoint(environment.time_zone, endpoint.min_instances, year)
    return hours.mean(year)


def instance_cost(instance_type: str, hours: float) -> float | None:
    """US dollars for so many hours of an instance; None for a type that isn't known here."""
    offer = OFFERS.get(instance_type)
    return None if offer is None else hours * offer.dollars_an_hour


@dataclass(frozen=True)
class _Standing:
    """What is paid for by its being there: `units` of a resource, each at `dollars` a month."""

    what: str
    dollars: float
    units: Callable[[Resource], int] = lambda properties: 1


def _num_metrics(alarm: Resource) -> int:
    """How many metrics an alarm looks at; it is paid for each."""
    return sum("MetricStat" in one for one in alarm.get("Metrics", [])) or 1


def _num_polled(mapping: Resource) -> int:
    """A stream has a position to start from, and is polled for nothing; a queue has none."""
    return 0 if "StartingPosition" in mapping else 1


_STANDING = {
    "AWS::KMS::Key": _Standing("keys", prices.KMS_KEY),
    "AWS::SecretsManager::Secret": _Standing("secrets", prices.SECRET),
    "AWS::CloudWatch::Dashboard": _Standing("dashboards", prices.DASHBOARD),
    "AWS::CodePipeline::Pipeline": _Standing("pipelines", prices.PIPELINE),
    "AWS::CloudWatch::Alarm": _Standing("alarms' metrics", prices.ALARM_METRIC, _num_metrics),
    "AWS::CloudWatch::CompositeAlarm": _Standing("composite alarms", prices.COMPOSITE_ALARM),
    "AWS::Logs::MetricFilter": _Standing("own metrics", prices.CUSTOM_METRIC),
    "AWS::ElastiCache::ServerlessCache": _Standing("caches", prices.VALKEY_CACHE),
    "AWS::Lambda::EventSourceMapping": _Standing(
        "queues that are polled", prices.QUEUE_POLLS_A_MONTH * prices.SQS_REQUEST, _num_polled
    ),
}


def _resources(templates: list[Resources]) -> Iterator[Item]:
    units: dict[_Standing, int] = defaultdict(int)
    unknown: dict[str, int] = defaultdict(int)
    for resource in (one for template in templates for one in template.values()):
        kind = resource["Type"]
        if standing := _STANDING.get(kind):
            units[standing] += standing.units(resource.get("Properties", {}))
        elif kind not in prices.BY_USE and not kind.startswith("Custom::"):
            unknown[kind] += 1
    for standing, number in units.items():
        if number:
            yield Item(standing.what, number * standing.dollars, f"{number}")
    for kind, number in unknown.items():
        yield Item(kind, None, f"{number}")


def _looks(templates: list[Resources]) -> Iterator[Item]:
    """What schedules start, of which most find nothing to do."""
    looks, dollars = 0.0, 0.0
    for template in templates:
        for properties in _rules(template):
            a_month = _times_a_month(properties["ScheduleExpression"])
            looks += a_month
            dollars += a_month * sum(_look_cost(one, template) for one in properties["Targets"])
    if looks:
        yield Item("looks by the clock", dollars, f"{looks:,.0f}")


def _rules(template: Resources) -> Iterator[Resource]:
    for resource in template.values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Events::Rule" and "ScheduleExpression" in properties:
            yield properties


def _times_a_month(expression: str) -> float:
    """How often a rate comes; what is said by cron comes about once a day."""
    rate = _RATE.fullmatch(expression)
    minutes = int(rate[1]) * _MINUTES[rate[2]] if rate else _MINUTES["day"]
    return prices.MINUTES_A_MONTH / minutes


def _look_cost(target: Resource, template: Resources) -> float:
    arn = target["Arn"]
    logical_id = arn.get("Ref") or arn.get("Fn::GetAtt", [""])[0]
    resource = template.get(logical_id, {})
    function = function_call(resource.get("Properties", {}), LOOK_SECONDS)
    match resource.get("Type"):
        case "AWS::Lambda::Function":
            return function
        case "AWS::StepFunctions::StateMachine":
            return LOOK_TRANSITIONS * prices.STATE_TRANSITION + function
    return prices.SQS_REQUEST


def function_call(properties: Resource, seconds: float) -> float:
    """US dollars for a call of a function, by its memory in MB (128 where it says nothing)."""
    gigabytes = int(properties.get("MemorySize", 128)) / 1024
    return prices.LAMBDA_REQUEST + gigabytes * seconds * prices.LAMBDA_GB_SECOND
