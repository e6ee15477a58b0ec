"""Deployments that use a data source: counted on it, as a part of a transaction that their room opens, so
that none can come to use a source that is being deleted."""

from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys
from chalicelib.sources.store import SourceRow, staying


def begin(write: TransactWrite, source_id: str, project_id: str) -> None:
    """One more uses the source. Lets the transaction fail if it is not there, or another project's."""
    write.update(
        SourceRow(*keys.source(source_id)),
        actions=[SourceRow.deployments_count.add(1)],
        condition=(SourceRow.project_id == project_id) & staying(),
    )


def end(write: TransactWrite, source_id: str) -> None:
    """One less uses the source."""
    write.update(
        SourceRow(*keys.source(source_id)),
        actions=[SourceRow.deployments_count.add(-1)],
        condition=SourceRow.pk.exists(),
    )
