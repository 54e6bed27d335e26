"""Dashboards, recorded: kept and given back, never drawn."""

from __future__ import annotations

import json
from datetime import datetime

from localcloud.calls import Caller, Request, Response, ServiceError
from localcloud.service import Service


class Dashboards(Service):
    """PutDashboard, GetDashboard, ListDashboards, DeleteDashboards."""

    service_name = "cloudwatch"
    dashboards: dict[str, tuple[str, datetime]]

    def put_dashboard(self, request: Request, caller: Caller) -> Response:
        try:
            json.loads(request["DashboardBody"])
        except ValueError as error:
            message = f"The field DashboardBody must be a valid JSON object: {error}"
            raise ServiceError("InvalidParameterInput", message) from None
        self.dashboards[request["DashboardName"]] = (
            request["DashboardBody"],
            self.account.clock.now(),
        )
        return {"DashboardValidationMessages": []}

    def get_dashboard(self, request: Request, caller: Caller) -> Response:
        name = request["DashboardName"]
        body, _ = self._dashboard(name)
        return {"DashboardArn": self._arn(name), "DashboardBody": body, "DashboardName": name}

    def list_dashboards(self, request: Request, caller: Caller) -> Response:
        prefix = request.get("DashboardNamePrefix") or ""
        entries = [
            {
                "DashboardName": name,
                "DashboardArn": self._arn(name),
                "LastModified": modified,
                "Size": len(body),
            }
            for name, (body, modified) in sorted(self.dashboards.items())
            if name.startswith(prefix)
        ]
        return {"DashboardEntries": entries}

    def delete_dashboards(self, request: Request, caller: Caller) -> Response:
        for name in request["DashboardNames"]:
            self._dashboard(name)
        for name in request["DashboardNames"]:
            self.dashboards.pop(name, None)
        return {}

    def _dashboard(self, name: str) -> tuple[str, datetime]:
        if name not in self.dashboards:
            message = f"Dashboard {name} does not exist"
            raise ServiceError("ResourceNotFound", message, 404)
        return self.dashboards[name]

    def _arn(self, name: str) -> str:
        return f"arn:aws:cloudwatch::{self.account.id}:dashboard/{name}"
