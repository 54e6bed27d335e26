"""The functions and layers that exist."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.calls import ServiceError
from localcloud.functions.code import Code
from localcloud.functions.function import Function, Version, not_found, reference
from localcloud.functions.layers import Layer, layer_name, published_layer


@dataclass(frozen=True)
class LayerVersion:
    """A layer version of this account. `description` has GetLayerVersion's members."""

    arn: str
    code: Code
    description: dict[str, Any]
    permissions: dict[str, dict[str, Any]] = field(default_factory=dict)


class Catalog:
    """Looks names and ARNs up; `lock` is held by whoever changes a function."""

    def __init__(self, region: str, account: str, folder: Path) -> None:
        self.prefix = f"arn:aws:lambda:{region}:{account}"
        self.functions: dict[str, Function] = {}
        self.layers: dict[str, dict[int, LayerVersion]] = {}
        self.lock = threading.RLock()
        self._folder = folder
        self._folders = itertools.count(1)

    def new_folder(self, name: str) -> Path:
        """A folder that does not exist yet, for a function's or layer's code."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{name}-{next(self._folders)}"

    def function(self, name_or_arn: str) -> Function:
        """The function of a name or ARN: ResourceNotFoundException."""
        name, _ = reference(name_or_arn)
        function = self.functions.get(name)
        if function is None:
            raise not_found(f"{self.prefix}:function:{name}")
        return function

    def version(self, name_or_arn: str, qualifier: str | None = None) -> Version:
        _, qualifier = reference(name_or_arn, qualifier)
        return self.function(name_or_arn).version(qualifier)

    def layer(self, arn: str) -> Layer:
        """What a function's Layers member names, of this account or published by another."""
        _, _, name, number = layer_name(arn)
        own = self.layers.get(name, {}).get(number)
        if own is not None and own.arn == arn:
            return Layer(arn, folder=own.code.folder)
        return published_layer(arn)

    def layer_version(self, name_or_arn: str, number: int | None = None) -> LayerVersion:
        """A layer version by name and number, or by its ARN: ResourceNotFoundException."""
        if name_or_arn.startswith("arn:"):
            whole = name_or_arn if number is None else f"{name_or_arn}:{number}"
            _, _, name_or_arn, number = layer_name(whole)
        found = self.layers.get(name_or_arn, {}).get(number or 0)
        if found is None:
            arn = f"{self.prefix}:layer:{name_or_arn}:{number}"
            message = f"The resource you requested does not exist: {arn}"
            raise ServiceError("ResourceNotFoundException", message, 404, Type="User")
        return found
