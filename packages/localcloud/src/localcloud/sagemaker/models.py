"""Models: a container image and its weights, ready to be put on an endpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from localcloud.account import Account
from localcloud.calls import Caller, Request, Response
from localcloud.sagemaker.images import Image
from localcloud.sagemaker.jobs import Jobs
from localcloud.sagemaker.model_data import ModelData, model_data
from localcloud.sagemaker.model_packages import ModelPackages
from localcloud.sagemaker.naming import arn, check_name, refuse_members, validation_error
from localcloud.sagemaker.notices import emit
from localcloud.sagemaker.paging import listing
from localcloud.sagemaker.roles import check_role
from localcloud.sagemaker.transfer import Transfer


@dataclass(frozen=True)
class Servable:
    """What an instance of a variant needs to start."""

    model_name: str
    image_uri: str
    image: Image
    data: tuple[ModelData, ...]
    role_arn: str
    environment: dict[str, str] = field(default_factory=dict)


class Models(ModelPackages, Jobs):
    """The model part of SageMaker's API."""

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._models: dict[str, dict[str, Any]] = {}

    def create_model(self, request: Request, caller: Caller) -> Response:
        name = request["ModelName"]
        check_name(name, "modelName")
        model_arn = arn(self.account, "model", name)
        if name in self._models:
            raise validation_error(f'Cannot create already existing model "{model_arn}".')
        role_arn = request.get("ExecutionRoleArn")
        if not role_arn:
            raise validation_error("ExecutionRoleArn is required for a model.")
        check_role(self.account, role_arn)
        container = self._only_container(request)
        servable = self._servable(name, role_arn, container)
        transfer = Transfer(self.account, role_arn)
        for one in servable.data:
            one.check(transfer, role_arn, self.account.region)
        record = {
            **{key: value for key, value in request.items() if key not in ("Tags", "Containers")},
            "PrimaryContainer": container,
            "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
            "ModelArn": model_arn,
            "CreationTime": self.account.clock.now(),
            "_servable": servable,
        }
        self.tag_resource_at_creation(model_arn, request)
        self._models[name] = record
        emit(self.account, "SageMaker Model State Change", _shown(record), model_arn)
        return {"ModelArn": model_arn}

    def describe_model(self, request: Request, caller: Caller) -> Response:
        return _shown(self._model(request["ModelName"]))

    def list_models(self, request: Request, caller: Caller) -> Response:
        return listing(
            list(self._models.values()),
            request,
            name="ModelName",
            members=("ModelName", "ModelArn", "CreationTime"),
            result="Models",
        )

    def delete_model(self, request: Request, caller: Caller) -> Response:
        record = self._model(request["ModelName"])
        del self._models[record["ModelName"]]
        self.forget_tags(record["ModelArn"])
        return {}

    def servable(self, model_name: str) -> Servable:
        found: Servable = self._model(model_name)["_servable"]
        return found

    def _model(self, name: str) -> dict[str, Any]:
        if name not in self._models:
            raise validation_error(f'Could not find model "{arn(self.account, "model", name)}".')
        return self._models[name]

    def _only_container(self, request: Request) -> dict[str, Any]:
        containers = request.get("Containers") or [request.get("PrimaryContainer") or {}]
        if len(containers) > 1:
            raise validation_error(
                "Containers with more than one container is not carried out by localcloud: give "
                "a PrimaryContainer."
            )
        container: dict[str, Any] = containers[0]
        refuse_members(container, ("MultiModelConfig",), "give one model in a container")
        if container.get("Mode", "SingleModel") != "SingleModel":
            raise validation_error("Mode MultiModel is not carried out by localcloud.")
        return container

    def _servable(self, name: str, role_arn: str, given: dict[str, Any]) -> Servable:
        container = given
        if "ModelPackageName" in given:
            container = self._container_of_package(given)
        if "Image" not in container:
            raise validation_error("The container needs an Image or a ModelPackageName.")
        try:
            image = self.images.find(container["Image"])
        except ValueError as error:
            raise validation_error(str(error)) from error
        channels = "AdditionalModelDataSources"
        data = model_data(
            {**container, **({channels: given[channels]} if channels in given else {})}
        )
        environment = {**container.get("Environment", {}), **given.get("Environment", {})}
        return Servable(name, container["Image"], image, data, role_arn, environment)

    def _container_of_package(self, given: dict[str, Any]) -> dict[str, Any]:
        package = self.approved_package(given["ModelPackageName"])
        containers = package.get("InferenceSpecification", {}).get("Containers", [])
        if len(containers) != 1:
            raise validation_error(
                f"Model Package {package['ModelPackageArn']} must have one container in its "
                f"InferenceSpecification to be served here, not {len(containers)}."
            )
        container: dict[str, Any] = containers[0]
        return container


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if not key.startswith("_")}
