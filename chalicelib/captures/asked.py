"""The capture a request is about."""

from chalicelib import ids
from chalicelib.captures import service
from chalicelib.captures.rules import Capture
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import NotFound
from chalicelib.http.routing import Ask


def seen(ask: Ask) -> tuple[Capture, Deployment]:
    """The capture that the path names, and its deployment. One request. Raises NotFound, for what the
    principal may not see, too."""
    capture_id = ids.check("capture", ask.path["capture_id"])
    deployment, capture = service.with_deployment(capture_id)
    what = f"capture with the id {capture_id!r}"
    if deployment is None or capture is None:
        raise NotFound(f"There is no {what}.")
    ask.principal.must_see(what, draft=deployment.inherited.draft)
    return capture, deployment
