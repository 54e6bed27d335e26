"""Which resource answers a path."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.http_api.routes import RouteTable, canonical_path


def table(*paths: str, methods: tuple[str, ...] = ("GET",)) -> RouteTable:
    return RouteTable(
        {"path": path, "resourceMethods": {m: {"httpMethod": m} for m in methods}} for path in paths
    )


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", {}),
        ("/pets", "/pets", {}),
        ("/pets/", "/pets", {}),
        ("/pets/7", "/pets/{id}", {"id": "7"}),
        ("/pets/mine", "/pets/mine", {}),
        ("/pets/7/toys", "/pets/{id}/toys", {"id": "7"}),
        ("/pets/mine/toys", "/pets/{id}/toys", {"id": "mine"}),
        ("/pets/7/other", "/{proxy+}", {"proxy": "pets/7/other"}),
        ("/a%2Fb", "/{proxy+}", {"proxy": "a%2Fb"}),
        ("/p%65ts", "/pets", {}),
    ],
)
def test_the_most_specific_resource_wins(path: str, resource: str, parameters: Any) -> None:
    routes = table("/", "/pets", "/pets/{id}", "/pets/mine", "/pets/{id}/toys", "/{proxy+}")
    route = routes.match("GET", path)
    assert route is not None
    assert (route.resource["path"], route.path_parameters) == (resource, parameters)


@pytest.mark.parametrize("path", ["/", "//", "/pets//toys", "/pets/1/2/3", "/PETS"])
def test_what_no_resource_covers_has_no_route(path: str) -> None:
    assert table("/pets", "/pets/{id}", "/pets/{id}/toys").match("GET", path) is None


def test_a_greedy_parameter_needs_something() -> None:
    assert table("/{proxy+}").match("GET", "/") is None


def test_any_answers_methods_that_have_none_of_their_own() -> None:
    resource = {
        "path": "/",
        "resourceMethods": {"ANY": {"httpMethod": "ANY"}, "GET": {"httpMethod": "GET"}},
    }
    routes = RouteTable([resource])
    assert [routes.match(m, "/").method["httpMethod"] for m in ("GET", "PUT")] == ["GET", "ANY"]  # type: ignore[union-attr]


def test_a_specific_resource_without_the_method_hides_no_other() -> None:
    routes = RouteTable(
        [
            {"path": "/pets", "resourceMethods": {"GET": {}}},
            {"path": "/{proxy+}", "resourceMethods": {"ANY": {}}},
        ]
    )
    route = routes.match("POST", "/pets")
    assert route is not None and route.resource["path"] == "/{proxy+}"


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/", "/"),
        ("/admin/", "/admin"),
        ("/%61dmin", "/admin"),
        ("/%41%5A%7e%2d%39", "/AZ~-9"),
        ("/a%2Fb", "/a%2Fb"),
        ("/%2561", "/%2561"),
        ("/%3A%40%5B%60%7B", "/%3A%40%5B%60%7B"),
        ("/%zz%", "/%zz%"),
    ],
)
def test_paths_as_policies_see_them(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical
