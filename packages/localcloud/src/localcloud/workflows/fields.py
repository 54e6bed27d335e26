"""Which fields each kind of state has, in each query language."""

from __future__ import annotations

from typing import Final

JSONPATH: Final = "JSONPath"
JSONATA: Final = "JSONata"
MAX_SECONDS: Final = 99_999_999

_COMMON = frozenset({"Type", "Comment", "QueryLanguage"})
_NEXT = frozenset({"Next", "End"})
_ERRORS = frozenset({"Retry", "Catch"})
_PATHS = frozenset({"InputPath", "OutputPath"})
_RESULT = frozenset({"ResultSelector", "ResultPath"})
_TASK = frozenset({"Resource", "TimeoutSeconds", "HeartbeatSeconds"}) | _NEXT | _ERRORS
_MAP = (
    _NEXT
    | _ERRORS
    | {
        "ItemProcessor",
        "ItemSelector",
        "ItemReader",
        "ItemBatcher",
        "ResultWriter",
        "MaxConcurrency",
        "ToleratedFailurePercentage",
        "ToleratedFailureCount",
        "Label",
    }
)

MACHINE = frozenset({"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"})
BRANCH = frozenset({"Comment", "StartAt", "States"})
ITEM_PROCESSOR = BRANCH | {"ProcessorConfig"}
RETRIER = frozenset(
    {
        "Comment",
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
    }
)
CATCHER: dict[str, frozenset[str]] = {
    JSONPATH: frozenset({"Comment", "ErrorEquals", "Next", "ResultPath", "Assign"}),
    JSONATA: frozenset({"Comment", "ErrorEquals", "Next", "Output", "Assign"}),
}

STATES: dict[str, dict[str, frozenset[str]]] = {
    JSONPATH: {
        "Pass": _PATHS | _NEXT | {"Result", "ResultPath", "Parameters", "Assign"},
        "Task": _PATHS
        | _RESULT
        | _TASK
        | {"Parameters", "TimeoutSecondsPath", "HeartbeatSecondsPath", "Assign"},
        "Choice": _PATHS | {"Choices", "Default", "Assign"},
        "Wait": _PATHS | _NEXT | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Assign"},
        "Succeed": _PATHS,
        "Fail": frozenset({"Error", "ErrorPath", "Cause", "CausePath"}),
        "Parallel": _PATHS | _RESULT | _NEXT | _ERRORS | {"Branches", "Parameters", "Assign"},
        "Map": _PATHS
        | _RESULT
        | _MAP
        | {
            "Iterator",
            "ItemsPath",
            "Parameters",
            "MaxConcurrencyPath",
            "ToleratedFailurePercentagePath",
            "ToleratedFailureCountPath",
            "Assign",
        },
    },
    JSONATA: {
        "Pass": _NEXT | {"Output", "Assign"},
        "Task": _TASK | {"Arguments", "Output", "Assign"},
        "Choice": frozenset({"Choices", "Default", "Output", "Assign"}),
        "Wait": _NEXT | {"Seconds", "Timestamp", "Output", "Assign"},
        "Succeed": frozenset({"Output"}),
        "Fail": frozenset({"Error", "Cause"}),
        "Parallel": _NEXT | _ERRORS | {"Branches", "Arguments", "Output", "Assign"},
        "Map": _MAP | {"Items", "Output", "Assign"},
    },
}

TYPES = ("Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map")


def of_state(kind: str, language: str) -> frozenset[str]:
    """All fields that a state of this type may have in this query language."""
    return STATES[language][kind] | _COMMON
