"""The context keys of a request, which conditions look at.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from moto.core.request import Request as WireRequest

from localcloud.calls import Caller
from localcloud.clock import Clock
from localcloud.iam.demand import Demand, Parameters, Place
from localcloud.iam.identity import Identity
from localcloud.iam.resource_tags import ResourceTags

Keys = dict[str, str | list[str]]
# Actions on objects that S3 decides without a look at the object that is there.
_OBJECTS_TAGS_UNSEEN = ("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion")


def request_context(
    caller: Caller, identity: Identity, service: str, parameters: Parameters, place: Place
) -> Keys:
    """Global keys, and those of services that a request's parameters tell."""
    keys = _principal_keys(caller, identity, place)
    keys |= {
        # Loopback never leaves the machine: as good as encrypted.
        "aws:securetransport": "true",
        "aws:requestedregion": place.region,
        "aws:resourceaccount": place.account,
        "aws:viaawsservice": "false",
    }
    keys |= _tag_keys(parameters)
    keys |= _service_keys(service, parameters, place)
    return keys


def wire_context(request: WireRequest, clock: Clock) -> Keys:
    """Keys that the HTTP request and the time tell."""
    now = clock.now()
    keys: Keys = {
        "aws:sourceip": request.remote_addr or "127.0.0.1",
        "aws:useragent": request.headers.get("User-Agent", ""),
        "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(int(now.timestamp())),
    }
    if referer := request.headers.get("Referer"):
        keys["aws:referer"] = referer
    return keys


def s3_context(request: WireRequest, parameters: Parameters) -> Keys:
    """S3's keys are its headers and query parameters, and the tags that an object is to have."""
    keys: Keys = {
        f"s3:{name.lower()}": value
        for name, value in request.headers
        if name.lower().startswith("x-amz-")
    }
    for name in ("prefix", "delimiter", "max-keys"):
        if name in request.args:
            keys[f"s3:{name}"] = request.args[name]
    if version := request.args.get("versionId"):
        keys["s3:versionid"] = version
    tagging = parameters.get("Tagging")
    if isinstance(tagging, str):
        tags = dict(parse_qsl(tagging, keep_blank_values=True))
    else:
        tags = {tag["Key"]: tag["Value"] for tag in (tagging or {}).get("TagSet", [])}
    keys |= {f"s3:requestobjecttag/{name.lower()}": value for name, value in tags.items()}
    return keys | ({"s3:requestobjecttagkeys": list(tags)} if tags else {})


def tag_context(resources: ResourceTags, demand: Demand, version: str | None) -> Keys:
    """Keys that the tags of the resource tell, which conditions may also name by its service."""
    service = demand.resource.split(":", 3)[2] if demand.resource.startswith("arn:") else ""
    if service == "s3":
        if demand.action in _OBJECTS_TAGS_UNSEEN:
            return {}
        tags = resources.of_object(demand.resource, version)
        return {f"s3:existingobjecttag/{key.lower()}": value for key, value in tags.items()}
    return {
        f"{prefix}:resourcetag/{key.lower()}": value
        for key, value in resources.of(demand.resource).items()
        for prefix in ("aws", service)
    }


def _principal_keys(caller: Caller, identity: Identity, place: Place) -> Keys:
    if caller.service is not None:
        return _on_behalf_keys(caller, place)
    if caller.is_anonymous:
        return {"aws:principalisawsservice": "false", "aws:principaltype": "Anonymous"}
    keys: Keys = {
        "aws:principalaccount": place.account,
        "aws:principalisawsservice": "false",
        "aws:principalarn": identity.principal.arns[0],
        "aws:principaltype": _principal_type(caller),
        "aws:userid": identity.id,
    }
    if caller.user_arn is not None:
        keys["aws:username"] = caller.user_arn.rpartition("/")[2]
    return keys | {f"aws:principaltag/{key.lower()}": value for key, value in identity.tags}


def _principal_type(caller: Caller) -> str:
    if caller.is_administrator:
        return "Account"
    return "User" if caller.user_arn else "AssumedRole"


def _on_behalf_keys(caller: Caller, place: Place) -> Keys:
    keys: Keys = {
        "aws:principalisawsservice": "true",
        "aws:principalservicename": str(caller.service),
        "aws:sourceaccount": place.account,
    }
    if caller.source_arn:
        keys["aws:sourcearn"] = caller.source_arn
    if caller.service == "cloudwatch.amazonaws.com":
        keys["aws:sourceowner"] = place.account  # What a topic's default policy looks at.
    return keys


def _tag_keys(parameters: Parameters) -> Keys:
    tags = parameters.get("Tags") or parameters.get("tags")
    pairs: dict[str, Any] = {}
    if isinstance(tags, dict):
        pairs = tags
    elif isinstance(tags, list):
        pairs = {
            str(tag.get("Key") or tag.get("key")): tag.get("Value") or tag.get("value") or ""
            for tag in tags
            if isinstance(tag, dict)
        }
    if not pairs:
        return {}
    keys: Keys = {f"aws:requesttag/{key.lower()}": str(value) for key, value in pairs.items()}
    return keys | {"aws:tagkeys": list(pairs)}


def _service_keys(service: str, parameters: Parameters, place: Place) -> Keys:
    match service:
        case "cloudwatch":
            return _named({"cloudwatch:namespace": parameters.get("Namespace")})
        case "lambda":
            return _named({"lambda:functionarn": _function_arn(parameters, place)})
        case "kms":
            encryption = parameters.get("EncryptionContext") or {}
            keys: Keys = {f"kms:encryptioncontext:{k.lower()}": v for k, v in encryption.items()}
            return keys | {"kms:calleraccount": place.account}
        case "sts":
            return _named(
                {
                    "sts:externalid": parameters.get("ExternalId"),
                    "sts:rolesessionname": parameters.get("RoleSessionName"),
                    "sts:sourceidentity": parameters.get("SourceIdentity"),
                }
            )
        case "sns":
            return _named(
                {
                    "sns:endpoint": parameters.get("Endpoint"),
                    "sns:protocol": parameters.get("Protocol"),
                }
            )
    return {}


def _function_arn(parameters: Parameters, place: Place) -> str | None:
    name = parameters.get("FunctionName")
    if not name or name.startswith("arn:"):
        return name
    return place.arn("lambda", f"function:{name}")


def _named(keys: dict[str, Any]) -> Keys:
    return {key: str(value) for key, value in keys.items() if value is not None}
