"""Data sources as they are sent and answered. Credentials are sent, and never answered."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from chalicelib.http.fields import Body, Change, Name
from chalicelib.http.routing import Ask
from chalicelib.sources import testing
from chalicelib.sources.fields import Bucket, Endpoint, Path, Pattern, PublicBaseUrl, Region, Secret
from chalicelib.sources.rules import Credentials, Kind, Source, credentials, uri
from chalicelib.sources.rules import place as place_of

SECRETS = frozenset({"role_arn", "access_key", "secret_key"})


class _Opened(Body):
    """Credentials as they are sent: a role, or both halves of an access key; null for none."""

    # What is wrong is told without what was sent: it may be a secret, or one in the wrong field.
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    role_arn: Secret | None = None
    access_key: Secret | None = None
    secret_key: Secret | None = None

    @model_validator(mode="after")
    def _fit(self) -> Self:
        self.opened_by()
        return self

    def opened_by(self) -> Credentials | None:
        """The credentials that were sent, None if none were."""
        sent = (self.role_arn, self.access_key, self.secret_key)
        return credentials(*(each.get_secret_value() if each else None for each in sent))


class SourceMake(_Opened):
    """A new data source. Without an endpoint it is AWS's S3."""

    project_id: str
    name: Name
    bucket: Bucket
    prefix: Path = ""
    region: Region | None = None
    endpoint_url: Endpoint | None = None
    public_base_url: PublicBaseUrl | None = None

    def source(self, source_id: str, now: datetime) -> Source:
        """The source, as yet without credentials."""
        return Source(id=source_id, created_at=now, updated_at=now, **self.model_dump(exclude=set(SECRETS)))


class SourceChange(_Opened, Change):
    """Changes of a data source. Credentials that are sent replace all there were; null deletes them."""

    name: Name = ""
    bucket: Bucket = ""
    prefix: Path = ""
    region: Region | None = None
    endpoint_url: Endpoint | None = None
    public_base_url: PublicBaseUrl | None = None

    def changed(self, source: Source) -> Source:
        """The source with the fields that were sent, but for credentials."""
        sent: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set - SECRETS}
        return replace(source, **sent)

    @property
    def opens_anew(self) -> bool:
        """Whether anything was sent of credentials."""
        return bool(self.model_fields_set & SECRETS)


class SourceTest(Body):
    """What to look for when trying a data source."""

    subdir: Path | None = None
    regex_filter: Pattern | None = None


class SourceAnswer(BaseModel):
    """A data source. A role is to trust whoever takes it on for `external_id`."""

    id: str
    details: str
    project_id: str
    name: str
    bucket: str
    prefix: str
    region: str | None
    endpoint_url: str | None
    public_base_url: str | None
    uri: str
    credentials: Kind
    access_key_last_four: str | None
    external_id: str
    deployments_count: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, source: Source, ask: Ask) -> "SourceAnswer":
        """How a data source is answered."""
        return cls(
            id=source.id,
            details=ask.url(f"/storage/{source.id}"),
            project_id=source.project_id,
            name=source.name,
            bucket=source.bucket,
            prefix=source.prefix,
            region=source.region,
            endpoint_url=source.endpoint_url,
            public_base_url=source.public_base_url,
            uri=uri(source.bucket, place_of(source.prefix, None)),
            credentials=source.credentials,
            access_key_last_four=source.hint,
            external_id=source.project_id,
            deployments_count=source.deployments_count,
            created_at=source.created_at,
            updated_at=source.updated_at,
        )


class TestAnswer(BaseModel):
    """What trying a data source found. Times in seconds."""

    connection_successful: bool
    prefix_exists: bool
    latency: float | None
    total_time: float
    error_code: str | None
    error_message: str | None
    files_checked: int
    first_file_found: str | None
    full_uri: str

    @classmethod
    def of(cls, source: Source, told: testing.Tested) -> "TestAnswer":
        """How a test is answered."""
        return cls(
            connection_successful=True,
            prefix_exists=told.prefix_exists,
            latency=round(told.latency, 4) if told.latency is not None else None,
            total_time=round(told.total_time, 4),
            error_code=told.error_code,
            error_message=told.error_message,
            files_checked=told.files_checked,
            first_file_found=testing.first_file(source, told),
            full_uri=told.full_uri,
        )
