"""Chooses the revision of a base model that a run begins from; refuses what doesn't fit."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import boto3

from meguru.base_model import BaseModel
from meguru.instance_offers import OFFERS
from meguru.model_plan import plan, workload
from meguru.names import base_model_head_key, base_model_manifest_key, base_model_prefix


class BaseModelRefused(Exception):
    """A run can't begin from the base model: the message says why, and what to do."""


def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """The base model `BASE_MODEL`: its `uri` in the lake, `name`, `revision` and `licence`.

    It is its newest revision, or `BASE_REVISION` where that is set. Raises BaseModelRefused where
    there is none, or where training it, as `TRAINING` says, doesn't fit its instances or those it
    falls back to: nothing has been paid for yet.
    """
    name, bucket = os.environ["BASE_MODEL"], os.environ["LAKE_BUCKET"]
    model = _read_model(name, os.environ["BASE_REVISION"])
    if model.kind != "text":
        raise BaseModelRefused(
            f"the base model '{name}' makes embeddings, and is not trained: name it in a model of "
            "kind embedding"
        )
    _check_fit(model, json.loads(os.environ["TRAINING"]))
    return {
        "uri": f"s3://{bucket}/{base_model_prefix(name, model.revision)}",
        "name": name,
        "revision": model.revision,
        "licence": model.licence,
    }


def _read_model(name: str, revision: str) -> BaseModel:
    add = f"`meguru model add SOURCE --name {name}`"
    if not revision and not _is_there(base_model_head_key(name)):
        raise BaseModelRefused(f"no base model '{name}' is in the lake: {add}")
    if revision and not _is_there(base_model_manifest_key(name, revision)):
        raise BaseModelRefused(
            f"no revision {revision} of the base model '{name}' is in the lake: name one that "
            f"`meguru model show {name}` lists as `base`, leave @{revision} out for the newest, or "
            f"add it again: {add}"
        )
    try:
        revision = revision or json.loads(_read(base_model_head_key(name)))["revision"]
        return BaseModel.parse(_read(base_model_manifest_key(name, revision)))
    except (ValueError, KeyError, TypeError) as error:
        raise BaseModelRefused(f"the base model '{name}': {error}") from error


def _is_there(key: str) -> bool:
    # It is listed: to who may list some prefixes only, S3 doesn't say that an object is missing.
    listed = s3().list_objects_v2(Bucket=os.environ["LAKE_BUCKET"], Prefix=key, MaxKeys=1)
    return bool(listed["KeyCount"])


def _check_fit(model: BaseModel, training: dict[str, Any]) -> None:
    """On whatever it may run. What instances of a type have that isn't known here is left to it."""
    for instance_type, instance_count in training["instances"]:
        if instance_type not in OFFERS:
            continue
        made = plan(
            workload(
                model.shape,
                instance_type,
                training["hyperparameters"],
                instance_count=instance_count,
            )
        )
        if not made.fits:
            raise BaseModelRefused(f"the base model '{model.name}' doesn't fit: {made.why_not}")


def _read(key: str) -> bytes:
    content: bytes = s3().get_object(Bucket=os.environ["LAKE_BUCKET"], Key=key)["Body"].read()
    return content


@cache
def s3() -> Any:
    return boto3.client("s3")
