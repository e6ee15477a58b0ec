"""Taking over a project's settings, as a part of a transaction that the project's room opens."""

from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.deployments.rules import Deployment, Inherited
from chalicelib.deployments.store import DeploymentRow


def still_so(write: TransactWrite, deployment: Deployment) -> None:
    """Lets a transaction fail if what becomes of duplicates is no longer what `deployment` says."""
    pk, sk = keys.deployment(deployment.id)
    setting = deployment.inherited.duplicates
    still: Condition = DeploymentRow.duplicates == setting
    if setting == Inherited().duplicates:
        still = still | DeploymentRow.duplicates.does_not_exist()
    write.condition_check(DeploymentRow, pk, sk, condition=still)


def set_inherited(write: TransactWrite, deployment_id: str, inherited: Inherited) -> None:
    """Writes what a deployment takes over from its project."""
    write.update(
        DeploymentRow(*keys.deployment(deployment_id)),
        actions=[
            DeploymentRow.draft.set(inherited.draft),
            table.put_or_drop(DeploymentRow.inherited_gap_seconds, inherited.rule.gap_seconds),
            table.put_or_drop(DeploymentRow.inherited_max_duration_seconds, inherited.rule.cap_seconds),
            table.put_or_drop(DeploymentRow.inherited_cut_time, inherited.rule.cut_time),
            DeploymentRow.duplicates.set(inherited.duplicates),
            DeploymentRow.inherited_filters.set(inherited.filters.text()),
        ],
        condition=DeploymentRow.pk.exists(),
    )
