"""The deployment a request is about."""

from chalicelib.deployments import service
from chalicelib.deployments.rules import Deployment
from chalicelib.http.routing import Ask


def seen(ask: Ask, *, consistent: bool = False) -> Deployment:
    """The deployment that the path names. One request. Raises NotFound, for what the principal may not see,
    too."""
    deployment = service.find(ask.path["deployment_id"], consistent=consistent)
    ask.principal.must_see(f"deployment with the id {deployment.id!r}", draft=deployment.inherited.draft)
    return deployment
