"""The order in which a template's resources are created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.template.references import referred_names

_POLICY_TYPES = {"AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy"}

Graph = dict[str, set[str]]


def creation_order(resources: Mapping[str, Mapping[str, Any]], stack_name: str) -> list[str]:
    """Logical IDs, each after what it refers to or depends on; else as the template has them.

    What reaches a role also comes after that role's policies where that is possible, so that what
    works as soon as it exists (a schedule, an event source) may do so.
    ValueError naming the cycle where resources depend on each other.
    """
    graph = _dependencies(resources, stack_name)
    _sorted(graph, stack_name)  # a cycle is named before edges of our own are added
    _add_policies_of_roles(graph, resources)
    return _sorted(graph, stack_name)


def _dependencies(resources: Mapping[str, Mapping[str, Any]], stack_name: str) -> Graph:
    graph: Graph = {}
    for logical_id, resource in resources.items():
        depends_on = resource.get("DependsOn", [])
        explicit = {depends_on} if isinstance(depends_on, str) else set(depends_on)
        if unknown := sorted(explicit - resources.keys()):
            raise ValueError(
                f"stack {stack_name}: {logical_id} depends on {unknown[0]}, "
                "which the template doesn't have"
            )
        referred = referred_names(resource.get("Properties", {}))
        graph[logical_id] = explicit | (referred & resources.keys()) - {logical_id}
    return graph


def _sorted(graph: Graph, stack_name: str) -> list[str]:
    done: dict[str, None] = {}
    path: dict[str, None] = {}

    def visit(node: str) -> None:
        if node in path:
            cycle = [*list(path)[list(path).index(node) :], node]
            raise ValueError(
                f"stack {stack_name}: resources depend on each other: {' -> '.join(cycle)}"
            )
        path[node] = None
        for dependency in sorted(graph[node] - done.keys()):
            visit(dependency)
        del path[node]
        done[node] = None

    for node in graph:
        if node not in done:
            visit(node)
    return list(done)


def _add_policies_of_roles(graph: Graph, resources: Mapping[str, Mapping[str, Any]]) -> None:
    for policy, resource in resources.items():
        if resource["Type"] not in _POLICY_TYPES:
            continue
        properties = resource.get("Properties", {})
        holders = [properties.get(key, []) for key in ("Roles", "RoleName", "Users")]
        roles = referred_names(holders) & resources.keys()
        needed = _reachable(graph, policy)
        for node in graph:
            if node not in needed and node != policy and roles & _reachable(graph, node):
                graph[node].add(policy)


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for dependency in graph[waiting.pop()] - found:
            found.add(dependency)
            waiting.append(dependency)
    return found
