"""Metric math: arithmetic, comparisons and the plainer functions over time series.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping

from localcloud.monitoring.statistics import invalid

Series = dict[int, float]
Value = float | Series
Operator = Callable[[float, float], float]

_BINARY: dict[type[ast.operator], Operator] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Operator] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_WORDS = {r"\bAND\b|&&": " and ", r"\bOR\b|\|\|": " or ", r"\^": "**"}
_ROUNDING: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
}
_REDUCTIONS: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}


def parse(expression: str) -> ast.expr:
    """The expression's tree. ServiceError, naming it, where it is not understood."""
    text = expression
    for pattern, word in _WORDS.items():
        text = re.sub(pattern, word, text)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise invalid(f"Metric math {expression!r} is not supported here") from None


def names(expression: str) -> set[str]:
    """The identifiers an expression refers to."""
    tree = parse(expression)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in called}


def evaluate(expression: str, series: Mapping[str, Value], timeline: list[int]) -> Value:
    """The value over `timeline`; `series` has every identifier it refers to."""
    return _Evaluation(expression, series, timeline).value(parse(expression))


class _Evaluation:
    def __init__(self, expression: str, series: Mapping[str, Value], timeline: list[int]) -> None:
        self._expression, self._series, self._timeline = expression, series, timeline

    def value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=bool() | int() | float() as number):
                return float(number)
            case ast.Name():
                return self._named(node.id)
            case ast.UnaryOp(op=ast.USub()):
                return self._map(operator.neg, self.value(node.operand))
            case ast.BinOp() if type(node.op) in _BINARY:
                left, right = self.value(node.left), self.value(node.right)
                return self._combine(_BINARY[type(node.op)], left, right)
            case ast.BoolOp():
                return self._boolean(node)
            case ast.Compare(ops=[one], comparators=[other]) if type(one) in _COMPARISONS:
                compare = _COMPARISONS[type(one)]
                return self._combine(compare, self.value(node.left), self.value(other))
            case ast.Call(func=ast.Name(id=name), keywords=[]):
                return self._call(name, node.args)
        raise self._unknown(ast.unparse(node))

    def _unknown(self, part: str) -> Exception:
        return invalid(f"Metric math {self._expression!r}: {part} is not supported here")

    def _named(self, name: str) -> Value:
        if name not in self._series:
            raise invalid(f"Metric math {self._expression!r}: there is no metric with id {name}")
        return self._series[name]

    def _boolean(self, node: ast.BoolOp) -> Value:
        both = isinstance(node.op, ast.And)
        result = self.value(node.values[0])
        for other in node.values[1:]:
            result = self._combine(
                lambda a, b: float(bool(a and b) if both else bool(a or b)),
                result,
                self.value(other),
            )
        return result

    def _map(self, function: Callable[[float], float], value: Value) -> Value:
        if isinstance(value, dict):
            return {at: float(function(one)) for at, one in value.items()}
        return float(function(value))

    def _combine(self, function: Operator, left: Value, right: Value) -> Value:
        """At every time where both sides have a value and the result is a number."""
        if not isinstance(left, dict) and not isinstance(right, dict):
            result = _number(function, left, right)
            return math.nan if result is None else result
        times = [at for at in self._timeline if _has(left, at) and _has(right, at)]
        results = {at: _number(function, _at(left, at), _at(right, at)) for at in times}
        return {at: result for at, result in results.items() if result is not None}

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        if name == "METRICS" and not arguments:
            raise self._unknown("METRICS() outside of SUM, AVG, MIN or MAX")
        if name in _ROUNDING and len(arguments) == 1:
            return self._map(_ROUNDING[name], self.value(arguments[0]))
        if name in _REDUCTIONS and arguments:
            return self._reduce(_REDUCTIONS[name], arguments)
        if name == "IF" and len(arguments) in (2, 3):
            return self._if([self.value(argument) for argument in arguments])
        if name == "FILL" and len(arguments) == 2:
            return self._fill(self.value(arguments[0]), arguments[1])
        raise self._unknown(f"{name}()")

    def _reduce(self, function: Callable[[list[float]], float], given: list[ast.expr]) -> Value:
        """Of one series: over time. Of several, in `[m1, m2]` or METRICS(): at each time."""
        first = given[0]
        if isinstance(first, ast.Call) and ast.unparse(first) == "METRICS()":
            several = list(self._series.values())
        elif isinstance(first, ast.List):
            several = [self.value(element) for element in first.elts]
        else:
            only = self.value(first)
            values = list(only.values()) if isinstance(only, dict) else [only]
            return float(function(values)) if values else {}
        at_each = {at: [_at(s, at) for s in several if _has(s, at)] for at in self._timeline}
        return {at: float(function(values)) for at, values in at_each.items() if values}

    def _if(self, values: list[Value]) -> Value:
        result: Series = {}
        for at in self._timeline:
            if not _has(values[0], at):
                continue
            branch = 1 if _at(values[0], at) else 2
            if branch < len(values) and _has(values[branch], at):
                result[at] = _at(values[branch], at)
        return result

    def _fill(self, value: Value, filler: ast.expr) -> Value:
        if isinstance(filler, ast.Name) and filler.id == "REPEAT":
            return self._repeat(value)
        fill = self.value(filler)
        return {at: _at(value, at) if _has(value, at) else _at(fill, at) for at in self._timeline}

    def _repeat(self, value: Value) -> Series:
        filled: Series = {}
        last: float | None = None
        for at in self._timeline:
            last = _at(value, at) if _has(value, at) else last
            if last is not None:
                filled[at] = last
        return filled


def _has(value: Value, at: int) -> bool:
    return not isinstance(value, dict) or at in value


def _at(value: Value, at: int) -> float:
    return value[at] if isinstance(value, dict) else value


def _number(function: Operator, left: float, right: float) -> float | None:
    """None where there is no number: a division by zero leaves a gap."""
    try:
        result = function(left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return None if isinstance(result, complex) else float(result)
