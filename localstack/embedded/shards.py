"""Reads a DynamoDB stream shard by shard, each after the one it was split from."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_dynamodbstreams.type_defs import GetRecordsOutputTypeDef, RecordTypeDef, ShardTypeDef

log = logging.getLogger("nightjar.embedded")

LOOK_FOR_SHARDS_SECONDS = 10.0
READ = 1000

_EXPIRED = "ExpiredIteratorException"
_TRIMMED = "TrimmedDataAccessException"


@dataclass
class _Shard:
    """Where reading a shard stands."""

    shard_id: str
    parent: str | None
    last: str | None = None
    """Sequence number of the record read last."""
    iterator: str | None = None
    finished: bool = False


class Shards:
    """The shards of one stream and how far each was read."""

    def __init__(
        self, streams: "DynamoDBStreamsClient", stream_arn: str, places: Mapping[str, str] | None = None
    ) -> None:
        """`places`: sequence numbers read last, by shard; other shards are read from their beginning."""
        self.stream_arn = stream_arn
        self._streams = streams
        self._places = dict(places or {})
        self._shards: dict[str, _Shard] = {}
        self._look_at = 0.0

    def places(self) -> dict[str, str]:
        """The sequence number read last, by shard."""
        return {shard.shard_id: shard.last for shard in self._shards.values() if shard.last}

    def read(self) -> Iterator[tuple[str, list["RecordTypeDef"]]]:
        """One round: what each open shard has next, at most 1000 records; nothing when there is none."""
        if time.monotonic() >= self._look_at:
            self._look()
        for shard in list(self._shards.values()):
            parent = self._shards.get(shard.parent or "")
            if shard.finished or (parent is not None and not parent.finished):
                continue
            records = self._next(shard)
            if records:
                yield shard.shard_id, records

    def _look(self) -> None:
        known: dict[str, _Shard] = {}
        for found in self._describe():
            shard_id = found["ShardId"]
            known[shard_id] = self._shards.get(shard_id) or _Shard(
                shard_id, found.get("ParentShardId"), self._places.get(shard_id)
            )
        self._shards = known  # those trimmed away are forgotten
        self._look_at = time.monotonic() + LOOK_FOR_SHARDS_SECONDS

    def _describe(self) -> Iterator["ShardTypeDef"]:
        page = self._streams.describe_stream(StreamArn=self.stream_arn)["StreamDescription"]
        yield from page["Shards"]
        while after := page.get("LastEvaluatedShardId"):
            page = self._streams.describe_stream(StreamArn=self.stream_arn, ExclusiveStartShardId=after)[
                "StreamDescription"
            ]
            yield from page["Shards"]

    def _next(self, shard: _Shard) -> list["RecordTypeDef"]:
        answer = self._get(shard)
        records = answer["Records"]
        if records:
            shard.last = records[-1]["dynamodb"]["SequenceNumber"]
        shard.iterator = answer.get("NextShardIterator")
        if shard.iterator is None:
            shard.finished = True
            self._look_at = 0.0  # it has children
        return records

    def _get(self, shard: _Shard) -> "GetRecordsOutputTypeDef":
        try:
            shard.iterator = shard.iterator or self._iterator(shard)
            return self._streams.get_records(ShardIterator=shard.iterator, Limit=READ)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in {_EXPIRED, _TRIMMED}:
                raise
            log.warning("the place in %s is lost, reading goes on: %s", shard.shard_id, error)
            if code == _TRIMMED:
                shard.last = None
            shard.iterator = self._iterator(shard)
            return self._streams.get_records(ShardIterator=shard.iterator, Limit=READ)

    def _iterator(self, shard: _Shard) -> str:
        if shard.last is None:
            answer = self._streams.get_shard_iterator(
                StreamArn=self.stream_arn, ShardId=shard.shard_id, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            answer = self._streams.get_shard_iterator(
                StreamArn=self.stream_arn,
                ShardId=shard.shard_id,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                SequenceNumber=shard.last,
            )
        return answer["ShardIterator"]
