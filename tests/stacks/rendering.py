"""A template's values as text: what only CloudFormation knows stands there as its stack's own."""

from __future__ import annotations

from typing import Any

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "ap-northeast-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
}


def rendered(value: Any, stack: str) -> Any:
    """`value` with every reference replaced by text that no other stack has."""
    if isinstance(value, list):
        return [rendered(item, stack) for item in value]
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [("Ref", str(name))]:
            return PSEUDO.get(name, f"<{stack}.{name}>")
        case [("Fn::GetAtt", [name, attribute])]:
            return f"<{stack}.{name}.{attribute}>"
        case [("Fn::ImportValue", str(name))]:
            return f"<{name}>"
        case [("Fn::Join", [str(separator), parts])]:
            return separator.join(str(part) for part in rendered(parts, stack))
        case [("Fn::Sub", str(text))]:
            for name, known in PSEUDO.items():
                text = text.replace(f"${{{name}}}", known)
            assert "${" not in text, text
            return text
        case [(str(name), arguments)] if name.startswith("Fn::"):
            return f"<{name} {rendered(arguments, stack)}>"
    return {key: rendered(item, stack) for key, item in value.items()}
