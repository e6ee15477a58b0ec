"""Thumbnails over HTTP."""

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, Field

from chalicelib.aws import clock
from chalicelib.captures.asked import seen
from chalicelib.captures.rendering import Rendering
from chalicelib.errors import Invalid, NotFound
from chalicelib.http.fields import Body
from chalicelib.http.routing import Answer, Ask, Route, redirect
from chalicelib.thumbnails import service as thumbnails
from chalicelib.thumbnails.rules import ThumbnailSpec, spec_for

BROWSER_CACHE = 300
"""Seconds a browser may keep a redirect; less if the URL in it does not live as long."""


class Regenerate(Body):
    """Which thumbnail is to be rendered again; the first one if no label is given."""

    label: str | None = None


class ThumbnailAnswer(BaseModel):
    """A thumbnail as it is by now; `width` and `height` in pixels, `bytes` of the blob."""

    id: str
    label: str
    url: str
    width: int
    height: int
    bytes: Annotated[int, Field(ge=0)]
    format: str
    status: str


def serve(ask: Ask) -> Answer:
    """GET: to a thumbnail. One request of the table while it is fresh; else it is rendered first.
    `verify=true` looks whether its blob is still there, for whoever was sent to one that is not."""
    spec = _spec(ask, ask.query.get("label"))
    verify = ask.flag("verify")
    capture, _ = seen(ask)
    rendering = Rendering(ask.settings, clock.now)
    if verify:
        capture = rendering.verified(capture, spec)
    found = rendering.fresh(capture, spec)
    # Half its life is the least a URL has left: see `thumbnails.url`.
    kept = min(BROWSER_CACHE, ask.settings.url_lifetime // 2)
    return redirect(thumbnails.url(found, ask.settings), f"private, max-age={kept}")


def no_list(ask: Ask) -> Answer:  # noqa: ARG001
    """GET without a capture: there is no list of thumbnails; every capture tells its own."""
    detail = "Thumbnails have no list: ask for one by its capture, /captures/thumbnails/{id}?label=small."
    return Answer({"detail": detail}, 405, {"Allow": ""})


def regenerate(ask: Ask) -> ThumbnailAnswer:
    """POST: renders one thumbnail of one capture again, fresh or not."""
    body: Regenerate = ask.body
    spec = _spec(ask, body.label)
    capture, _ = seen(ask)
    made = Rendering(ask.settings, clock.now).anew(capture, [spec])[spec.label]
    told = {name: value for name, value in asdict(made).items() if name in ThumbnailAnswer.model_fields}
    url = thumbnails.url(made, ask.settings)
    return ThumbnailAnswer(**told, id=capture.id, label=spec.label, url=url, status="rendered")


def _spec(ask: Ask, label: str | None) -> ThumbnailSpec:
    specs = ask.settings.thumbnails
    if not specs:
        raise NotFound("No thumbnail sizes are configured here: set NIGHTJAR_THUMBNAILS.")
    spec = spec_for(label, specs)
    if spec is None:
        labels = ", ".join(each.label for each in specs)
        raise Invalid(f"There is no such thumbnail. The labels are: {labels}.", {"label": f"one of {labels}"})
    return spec


ROUTES = (
    Route("GET", "/api/v2/captures/thumbnails", no_list),
    Route("GET", "/api/v2/captures/thumbnails/{capture_id}", serve),
    Route(
        "POST",
        "/api/v2/captures/{capture_id}/thumbnails/regenerate",
        regenerate,
        body=Regenerate,
        open=False,
    ),
)
