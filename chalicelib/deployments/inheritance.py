"""Taking over a project's settings, as a part of a transaction that the project's room opens."""

from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys
from chalicelib.deployments.rules import Inherited
from chalicelib.deployments.store import DeploymentRow


def set_inherited(write: TransactWrite, deployment_id: str, inherited: Inherited) -> None:
    """Writes what a deployment takes over from its project."""
    gap = inherited.session_time_gap_seconds
    write.update(
        DeploymentRow(*keys.deployment(deployment_id)),
        actions=[
            DeploymentRow.draft.set(inherited.draft),
            DeploymentRow.inherited_gap_seconds.remove()
            if gap is None
            else DeploymentRow.inherited_gap_seconds.set(gap),
        ],
        condition=DeploymentRow.pk.exists(),
    )
