"""Every route there is."""

from chalicelib import status
from chalicelib.algorithms import routes as algorithms
from chalicelib.auditing import routes as auditing
from chalicelib.capture_sets import routes as capture_sets
from chalicelib.captures import clock_routes as clock
from chalicelib.captures import routes as captures
from chalicelib.captures import thumbnail_job_routes as thumbnail_jobs
from chalicelib.captures import thumbnail_routes as thumbnails
from chalicelib.deployments import routes as deployments
from chalicelib.detections import routes as detections
from chalicelib.failures import routes as failures
from chalicelib.ingest import again_routes as again
from chalicelib.ingest import routes as ingest
from chalicelib.jobs import routes as jobs
from chalicelib.occurrences import routes as occurrences
from chalicelib.postprocessing import routes as postprocessing
from chalicelib.projects import routes as projects
from chalicelib.sessions import routes as sessions
from chalicelib.settling import routes as settling
from chalicelib.sources import routes as sources
from chalicelib.syncing import routes as syncing
from chalicelib.taxa import routes as taxa
from chalicelib.web import routes as web

ROUTES = (
    *status.ROUTES,
    *projects.ROUTES,
    *deployments.ROUTES,
    *sources.ROUTES,
    *syncing.ROUTES,
    *capture_sets.ROUTES,
    *captures.ROUTES,
    *thumbnails.ROUTES,
    *thumbnail_jobs.ROUTES,
    *clock.ROUTES,
    *detections.ROUTES,
    *occurrences.ROUTES,
    *postprocessing.ROUTES,
    *sessions.ROUTES,
    *settling.ROUTES,
    *auditing.ROUTES,
    *ingest.ROUTES,
    *again.ROUTES,
    *failures.ROUTES,
    *jobs.ROUTES,
    *taxa.ROUTES,
    *algorithms.ROUTES,
    *web.ROUTES,
)
