"""Fields of data sources as they are sent, each with its bounds."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr, StringConstraints

from chalicelib.sources import patterns, rules

_short = StringConstraints(max_length=500)

Bucket = Annotated[str, _short, AfterValidator(rules.bucket)]
Path = Annotated[str, _short, AfterValidator(rules.path)]
Region = Annotated[str, _short, AfterValidator(rules.region)]
Endpoint = Annotated[str, _short, StringConstraints(strip_whitespace=True), AfterValidator(rules.endpoint)]
PublicBaseUrl = Annotated[str, _short, AfterValidator(rules.public_base_url)]
Pattern = Annotated[str, _short, AfterValidator(patterns.checked)]
Secret = SecretStr
