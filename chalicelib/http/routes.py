"""Every route there is."""

from chalicelib import status
from chalicelib.captures import routes as captures
from chalicelib.deployments import routes as deployments
from chalicelib.ingest import routes as ingest
from chalicelib.projects import routes as projects
from chalicelib.sessions import routes as sessions
from chalicelib.web import routes as web

ROUTES = (
    *status.ROUTES,
    *projects.ROUTES,
    *deployments.ROUTES,
    *captures.ROUTES,
    *sessions.ROUTES,
    *ingest.ROUTES,
    *web.ROUTES,
)
