"""The functions: HTTP routes and event handlers, all of them here, nothing decided.

`ingest`  the ingest queue   an object in the photos bucket becomes a capture with its thumbnails
`settle`  the table's stream sessions and counts follow what changed
`work`    the jobs queue     long work, a step at a time
`watch`   every minute       whatever was left behind
"""

import logging
from collections.abc import Callable
from typing import Any

from chalice import Chalice, Rate, Response
from chalice.app import CloudWatchEvent, DynamoDBEvent, SQSEvent

from chalicelib.http import edge
from chalicelib.http.routes import ROUTES
from chalicelib.http.routing import Route

app = Chalice(app_name="nightjar")
logging.getLogger("nightjar").setLevel(logging.INFO)

_PLACEHOLDER = "arn:aws:sqs:us-east-1:000000000000:placeholder"  # the merged template has the real ones


def _view(route: Route) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        from chalicelib.settings import settings

        answer = edge.handle(route, _raw(path), settings())
        return Response(
            answer.content, {**answer.headers, "Content-Type": answer.content_type}, answer.status
        )

    return view


def _raw(path: dict[str, str]) -> edge.RawRequest:
    request = app.current_request
    return edge.RawRequest(
        path=path,
        query=dict(request.query_params or {}),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.raw_body,
        base_url=edge.base_url(request.headers, request.context),
    )


# No content types: whatever is called otherwise is read as JSON all the same, and errors keep one shape.
for _route in ROUTES:
    app.route(_route.path, methods=[_route.method], content_types=[])(_view(_route))


@app.on_sqs_message(queue_arn=_PLACEHOLDER, batch_size=10)
def ingest(event: SQSEvent) -> Any:
    """Objects that were put into the photos bucket."""
    from chalicelib import wiring
    from chalicelib.aws import batches

    failing = wiring.failing()
    return batches.each_message(event.to_dict(), wiring.ingest().message, failing.failed, failing.recovered)


@app.on_dynamodb_record(_PLACEHOLDER, batch_size=100, maximum_batching_window_in_seconds=1)
def settle(event: DynamoDBEvent) -> None:
    """Rows that changed."""
    from chalicelib import wiring
    from chalicelib.aws import stream

    wiring.settling().changes(stream.changes(event.to_dict()))


@app.on_sqs_message(queue_arn=_PLACEHOLDER, batch_size=1)
def work(event: SQSEvent) -> Any:
    """One step of something long."""
    from chalicelib import wiring
    from chalicelib.aws import batches

    seconds_left = event.context.get_remaining_time_in_millis() / 1000
    return batches.each_message(event.to_dict(), lambda message: wiring.step(message, seconds_left))


@app.schedule(Rate(1, unit=Rate.MINUTES))
def watch(event: CloudWatchEvent) -> None:  # noqa: ARG001
    """What was left behind."""
    from chalicelib import wiring

    wiring.watch()
