"""Algorithms over HTTP. They are of nobody's project: whoever asks may read them."""

import re

from chalicelib.algorithms import reading, service, store
from chalicelib.algorithms.schemas import AlgorithmAnswer, AlgorithmMake, categories_answer
from chalicelib.aws import clock
from chalicelib.http import paging
from chalicelib.http.routing import Answer, Ask, Route

_CURSOR = re.compile(r"ALGORITHM#.{0,400}#[a-z0-9][a-z0-9_.-]{0,119}", re.DOTALL)


def make(ask: Ask) -> Answer:
    """POST: makes an algorithm, 201, or answers the one that is there, 200, if it has the same categories."""
    body: AlgorithmMake = ask.body
    wanted = body.algorithm(clock.now())
    made = service.ensure(wanted, body.told(), with_taxa=body.taxa)
    return Answer(AlgorithmAnswer.of(made, ask), 201 if made.created_at == wanted.created_at else 200)


def listed(ask: Ask) -> dict[str, object]:
    """GET: the algorithms by name. Three requests."""
    found, position = store.listed(paging.limit_of(ask), paging.cursor_of(ask, _CURSOR))
    results = [AlgorithmAnswer.of(each, ask) for each in found]
    return paging.page(ask, "/ml/algorithms", results, store.count(), position)


def detail(ask: Ask) -> AlgorithmAnswer:
    """GET: one algorithm."""
    return AlgorithmAnswer.of(service.find(ask.path["key"]), ask)


def categories(ask: Ask) -> dict[str, object]:
    """GET: what the indexes of an algorithm's results stand for. Two requests."""
    found = service.find(ask.path["key"])
    return categories_answer(found, reading.categories(found.key))


ROUTES = (
    Route("GET", "/api/v2/ml/algorithms", listed),
    Route("POST", "/api/v2/ml/algorithms", make, body=AlgorithmMake, open=False),
    Route("GET", "/api/v2/ml/algorithms/{key}", detail),
    Route("GET", "/api/v2/ml/algorithms/{key}/categories", categories),
)
