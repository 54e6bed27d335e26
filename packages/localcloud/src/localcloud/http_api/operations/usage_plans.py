"""Usage plans, the keys in them, and what was used."""

from __future__ import annotations

import copy
from datetime import date, timedelta

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.http_api.metering import Metering
from localcloud.http_api.operations.control_plane import ControlPlane, members, page
from localcloud.http_api.patching import bad_request, patched, path_parts, typed
from localcloud.http_api.state import Record, new_id, require

_MEMBERS = ("name", "description", "apiStages", "throttle", "quota", "tags")
_PATCHABLE = ("name", "description", "throttle", "quota", "productCode")
_PERIODS = ("DAY", "WEEK", "MONTH")


class UsagePlans(ControlPlane):
    """CreateUsagePlan, CreateUsagePlanKey, GetUsage and their kin."""

    metering: Metering

    def create_usage_plan(self, request: Request, caller: Caller) -> Response:
        plan = {"id": new_id(6), "apiStages": [], **members(request, *_MEMBERS)}
        with self.state.lock:
            self._check(plan)
            self.state.usage_plans[plan["id"]] = plan
            self.state.plan_keys[plan["id"]] = {}
        return copy.deepcopy(plan)

    def get_usage_plan(self, request: Request, caller: Caller) -> Response:
        return copy.deepcopy(self._plan(request))

    def get_usage_plans(self, request: Request, caller: Caller) -> Response:
        wanted = request.get("keyId")
        with self.state.lock:
            plans = [
                plan
                for plan_id, plan in self.state.usage_plans.items()
                if wanted is None or wanted in self.state.plan_keys[plan_id]
            ]
            return page(request, plans)

    def update_usage_plan(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            plan = copy.deepcopy(self._plan(request))
            own = []
            for operation in request.get("patchOperations", []):
                if path_parts(operation.get("path", ""))[0] == "apiStages":
                    _patch_stages(plan, operation)
                else:
                    own.append(operation)
            plan = patched(plan, own, _PATCHABLE)
            self._check(plan)
            self.state.usage_plans[plan["id"]] = plan
            return copy.deepcopy(plan)

    def delete_usage_plan(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            plan = self._plan(request)
            del self.state.usage_plans[plan["id"]], self.state.plan_keys[plan["id"]]
        return {}

    def create_usage_plan_key(self, request: Request, caller: Caller) -> Response:
        if request["keyType"] != "API_KEY":
            raise bad_request(f"Invalid key type {request['keyType']}: must be API_KEY")
        with self.state.lock:
            keys = self._keys(request)
            message = "Invalid API Key identifier specified"
            key = require(self.state.api_keys, request["keyId"], message)
            if key["id"] in keys:
                raise ServiceError(
                    "ConflictException",
                    "Usage Plan Key already exists: the key is in the plan",
                    409,
                )
            keys[key["id"]] = {"id": key["id"], "type": "API_KEY"}
            return self._shown(keys[key["id"]], True)

    def get_usage_plan_key(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            message = "Invalid Usage Plan Key identifier specified"
            return self._shown(require(self._keys(request), request["keyId"], message))

    def get_usage_plan_keys(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            return page(request, [self._shown(key) for key in self._keys(request).values()])

    def delete_usage_plan_key(self, request: Request, caller: Caller) -> Response:
        with self.state.lock:
            keys = self._keys(request)
            require(keys, request["keyId"], "Invalid Usage Plan Key identifier specified")
            del keys[request["keyId"]]
        return {}

    def get_usage(self, request: Request, caller: Caller) -> Response:
        """For each key, `[used, remaining]` on every day from startDate to endDate."""
        plan = self._plan(request)
        try:
            first = date.fromisoformat(request["startDate"])
            last = date.fromisoformat(request["endDate"])
        except ValueError as error:
            raise bad_request(f"Dates must be YYYY-MM-DD: {error}") from None
        if not timedelta(0) <= last - first <= timedelta(days=366):
            raise bad_request("endDate must be at or after startDate and within a year of it")
        with self.state.lock:
            keys = [request["keyId"]] if request.get("keyId") else list(self._keys(request))
        items = {key_id: self.metering.usage(plan, key_id, first, last) for key_id in keys}
        return {
            "usagePlanId": plan["id"],
            "startDate": request["startDate"],
            "endDate": request["endDate"],
            "items": items,
        }

    def update_usage(self, request: Request, caller: Caller) -> Response:
        """Grant a key more of its plan's quota, until the quota's period ends."""
        with self.state.lock:
            plan, key_id = self._plan(request), request["keyId"]
            require(self._keys(request), key_id, "Invalid Usage Plan Key identifier specified")
        if not plan.get("quota"):
            raise bad_request("The usage plan has no quota to extend")
        for operation in request.get("patchOperations", []):
            self.metering.extend(plan, key_id, _remaining(operation))
        today = self.account.clock.now().date().isoformat()
        asked = {"usagePlanId": plan["id"], "keyId": key_id, "startDate": today, "endDate": today}
        return self.get_usage(asked, caller)

    def _plan(self, request: Request) -> Record:
        found: Record = require(
            self.state.usage_plans, request["usagePlanId"], "Invalid Usage Plan ID specified"
        )
        return found

    def _keys(self, request: Request) -> dict[str, Record]:
        return self.state.plan_keys[self._plan(request)["id"]]

    def _shown(self, key: Record, with_value: bool = False) -> Record:
        api_key = self.state.api_keys[key["id"]]
        shown = {**key, "name": api_key.get("name", "")}
        return {**shown, "value": api_key["value"]} if with_value else shown

    def _check(self, plan: Record) -> None:
        quota = plan.get("quota")
        if quota and (quota.get("period") not in _PERIODS or quota.get("limit", 0) < 1):
            raise bad_request(f"Usage Plan quota needs a limit above 0 and a period in {_PERIODS}")
        throttle = plan.get("throttle") or {}
        if min(throttle.get("rateLimit", 0), throttle.get("burstLimit", 0)) < 0:
            raise bad_request("Usage Plan throttle can't be negative")
        for stage in plan["apiStages"]:
            api = self.state.apis.get(stage.get("apiId", ""))
            if api is None or stage.get("stage") not in api.stages:
                raise ServiceError(
                    "NotFoundException",
                    f"API Stage not found: {stage.get('apiId')}:{stage.get('stage')}",
                    404,
                )


def _remaining(operation: Record) -> int:
    verb, path, value = (operation.get(name) for name in ("op", "path", "value"))
    if (verb, path) != ("replace", "/remaining") or not str(value).isdecimal():
        raise bad_request("Usage is patched by replacing /remaining with a number")
    return int(str(value))


def _patch_stages(plan: Record, operation: Record) -> None:
    """`/apiStages` with value `api:stage`, or `/apiStages/api:stage/throttle/path/METHOD/limit`."""
    parts, verb = path_parts(operation["path"]), operation.get("op")
    name = parts[1] if len(parts) > 1 else operation.get("value", "")
    api_id, _, stage_name = name.partition(":")
    stages = [s for s in plan["apiStages"] if (s["apiId"], s["stage"]) == (api_id, stage_name)]
    if len(parts) <= 2:
        plan["apiStages"] = [s for s in plan["apiStages"] if s not in stages]
        if verb in ("add", "replace"):
            plan["apiStages"].append({"apiId": api_id, "stage": stage_name})
        return
    if not stages or parts[2] != "throttle":
        raise bad_request(f"Invalid patch path {operation['path']}")
    _patch_throttle(stages[0].setdefault("throttle", {}), parts[3:], operation)


def _patch_throttle(throttle: Record, parts: list[str], operation: Record) -> None:
    if not parts:
        throttle.clear()
        return
    key = "/".join(parts[:2])
    if operation.get("op") == "remove":
        throttle.pop(key, None)
    elif len(parts) == 3:
        throttle.setdefault(key, {})[parts[2]] = typed(parts[2], operation.get("value"))
    else:
        raise bad_request(f"Invalid patch path {operation['path']}")
