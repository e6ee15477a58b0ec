"""The resources of a CloudFormation template, as far as engines can make them, and their references."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REGION = "us-east-1"
ACCOUNT = "123456789012"  # moto's

Reference = Callable[[str, str | None], str]
"""(logical id, attribute or None) -> what Fn::GetAtt or Ref stands for."""

_PSEUDO = {"AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::Partition": "aws"}


class TemplateError(ValueError):
    """The template holds something that cannot be made here; the message says what and where."""


@dataclass(frozen=True)
class Declared:
    """One resource of the template."""

    logical_id: str
    kind: str
    properties: Mapping[str, Any]

    def only(self, known: set[str]) -> Mapping[str, Any]:
        """The properties, which must all be known: one left out in silence would be a lie."""
        unknown = sorted(set(self.properties) - known)
        if unknown:
            raise TemplateError(f"{self.logical_id} ({self.kind}): no engine makes {', '.join(unknown)}.")
        return self.properties


def read(path: Path) -> dict[str, Declared]:
    """The template's resources by logical id; those without a type only amend others and are left out."""
    resources = json.loads(path.read_text())["Resources"]
    return {
        logical_id: Declared(logical_id, body["Type"], body.get("Properties", {}))
        for logical_id, body in resources.items()
        if "Type" in body
    }


def resolve(value: Any, reference: Reference) -> Any:
    """The value with every Ref, Fn::GetAtt and Fn::Sub in it replaced by what it stands for."""
    if isinstance(value, list):
        return [resolve(item, reference) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [(function, argument)] = value.items()
        if function == "Ref":
            return _PSEUDO.get(argument) or reference(argument, None)
        if function == "Fn::GetAtt":
            logical_id, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
            return reference(logical_id, attribute)
        if function == "Fn::Sub":
            return _substitute(argument, reference)
        if function.startswith("Fn::"):
            raise TemplateError(f"{function} is not known here: {json.dumps(value)}")
    return {name: resolve(item, reference) for name, item in value.items()}


def _substitute(text: Any, reference: Reference) -> str:
    if not isinstance(text, str):
        raise TemplateError(f"Fn::Sub with its own variables is not known here: {json.dumps(text)}")

    def one(match: re.Match[str]) -> str:
        name, _, attribute = match[1].partition(".")
        return _PSEUDO.get(name) or reference(name, attribute or None)

    return re.sub(r"\$\{([^!}]+)\}", one, text)
