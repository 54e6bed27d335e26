"""YAML as a person writes it: read quickly whatever stands in it, and refused with its place."""

from __future__ import annotations

from typing import Any

import yaml

# Twenty models that set everything take a tenth of each.
MAX_BYTES = 256 * 1024
MAX_NODES = 20_000
MAX_DEPTH = 32


class Refused(yaml.MarkedYAMLError):
    """What YAML allows and a person hardly means, at its place."""

    def __init__(self, said: str, mark: Any) -> None:
        super().__init__(problem=said, problem_mark=mark)


class Loader(yaml.SafeLoader):
    """A loader whose nodes are no deeper and no more than MAX_DEPTH and MAX_NODES.

    What an alias stands for counts each time: whoever walks the nodes comes by there each time.
    Raises yaml.YAMLError only, nearly always with its place.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open = 0
        # The number of nodes and the depth of what has been read to its end, by the node's id.
        self._measures: dict[int, tuple[int, int]] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "tag", None) is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")[:60]
            raise Refused(f"write the value alone, without {tag}", event.start_mark)
        self._open += 1
        _check_depth(self._open, event.start_mark)
        node: Any = super().compose_node(parent, index)
        self._open -= 1
        if not isinstance(event, yaml.AliasEvent):
            self._measures[id(node)] = self._measure(node)
        elif id(node) not in self._measures:
            raise Refused(f"*{event.anchor} stands within what it stands for", event.start_mark)
        return node

    def _measure(self, node: yaml.Node) -> tuple[int, int]:
        """How many nodes `node` is, and how deep, with all it has."""
        below: list[yaml.Node] = []
        if isinstance(node, yaml.SequenceNode):
            below = node.value
        elif isinstance(node, yaml.MappingNode):
            below = [one for pair in node.value for one in pair]
        measures = [self._measures[id(one)] for one in below]
        num_nodes = 1 + sum(number for number, _ in measures)
        depth = 1 + max((depth for _, depth in measures), default=0)
        if num_nodes > MAX_NODES:
            raise Refused(f"this is more than {MAX_NODES} values", node.start_mark)
        _check_depth(depth, node.start_mark)
        return num_nodes, depth

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            # A date that no calendar has, a number that Python doesn't read.
            said = f"{node.value[:40]} can't be read as a number or a date: correct it, or quote it"
            raise Refused(said, node.start_mark) from error


def _check_depth(depth: int, mark: Any) -> None:
    if depth > MAX_DEPTH:
        raise Refused(f"this is nested more than {MAX_DEPTH} times", mark)
