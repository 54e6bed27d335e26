"""The tree of an API's resources."""

from __future__ import annotations

import copy
import re

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.http_api.operations.control_plane import ControlPlane, page
from localcloud.http_api.patching import bad_request, patched
from localcloud.http_api.state import Record, RestApi, new_id, require

_PATH_PART = re.compile(r"(\{[\w.\-:]+\+?\}|[\w.\-:~!$&'()*+,;=@%]+)\Z")


class Resources(ControlPlane):
    """CreateResource and its kin."""

    def create_resource(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            api = self.api(request)
            parent = _resource(api, request["parentId"])
            part = request["pathPart"]
            _check_part(api, parent, part)
            path = parent["path"].rstrip("/") + "/" + part
            resource = {
                "id": new_id(6),
                "parentId": parent["id"],
                "pathPart": part,
                "path": path,
            }
            api.resources[resource["id"]] = resource
            return dict(resource)

    def get_resource(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return _shown(_resource(self.api(request), request["resourceId"]), request)

    def get_resources(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            resources = self.api(request).resources.values()
            return page(request, [_shown(resource, request) for resource in resources])

    def update_resource(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            api = self.api(request)
            resource = _resource(api, request["resourceId"])
            operations = request.get("patchOperations", [])
            changed = patched(resource, operations, ["pathPart", "parentId"])
            if "parentId" not in changed:
                raise bad_request("The root resource can't be changed")
            parent = _resource(api, changed["parentId"])
            if _is_below(api, parent, resource["id"]):
                raise bad_request("A resource can't be its own ancestor")
            _check_part(api, parent, changed["pathPart"], besides=resource["id"])
            api.resources[resource["id"]] = changed
            _renew_paths(api, changed, parent["path"].rstrip("/"))
            return _shown(changed, {})

    def delete_resource(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            api = self.api(request)
            resource = _resource(api, request["resourceId"])
            if "parentId" not in resource:
                raise bad_request("The root resource can't be deleted")
            doomed = [r["id"] for r in api.resources.values() if _is_below(api, r, resource["id"])]
            for resource_id in doomed:
                del api.resources[resource_id]
        return {}


def _resource(api: RestApi, resource_id: str) -> Record:
    found: Record = require(api.resources, resource_id, "Invalid Resource identifier specified")
    return found


def _check_part(api: RestApi, parent: Record, part: str, besides: str = "") -> None:
    if not _PATH_PART.match(part):
        raise bad_request(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and "
            "curly braces at the beginning and the end."
        )
    if parent.get("pathPart", "").endswith("+}"):
        raise bad_request("Cannot create a child of a resource with a greedy path variable.")
    siblings = [r for r in api.resources.values() if r.get("parentId") == parent["id"]]
    for sibling in siblings:
        if sibling["id"] == besides:
            continue
        if sibling["pathPart"] == part:
            raise ServiceError(
                "ConflictException",
                f"Another resource with the same parent already has this name: {part}",
                409,
            )
        if _kind(sibling["pathPart"]) == _kind(part) != "static":
            raise bad_request(
                "A sibling ({" + sibling["pathPart"].strip("{}") + "}) of this resource already "
                "has a variable path part -- only one is allowed"
            )


def _kind(part: str) -> str:
    if not part.startswith("{"):
        return "static"
    return "greedy" if part.endswith("+}") else "parameter"


def _is_below(api: RestApi, resource: Record, ancestor_id: str) -> bool:
    """Whether the resource is the ancestor or one of those under it."""
    current: Record | None = resource
    while current is not None:
        if current["id"] == ancestor_id:
            return True
        current = api.resources.get(current.get("parentId", ""))
    return False


def _renew_paths(api: RestApi, resource: Record, prefix: str) -> None:
    resource["path"] = f"{prefix}/{resource['pathPart']}"
    for child in api.resources.values():
        if child.get("parentId") == resource["id"]:
            _renew_paths(api, child, resource["path"])


def _shown(resource: Record, request: Request) -> Record:
    """As Get shows it: methods in full only when `embed` asks for them."""
    shown = {key: value for key, value in resource.items() if key != "resourceMethods"}
    methods = resource.get("resourceMethods")
    if methods:
        in_full = "methods" in (request.get("embed") or [])
        shown["resourceMethods"] = {
            name: copy.deepcopy(method) if in_full else {} for name, method in methods.items()
        }
    return shown
