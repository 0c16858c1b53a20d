"""JSON from outside: strict, bounded, and with faults that name themselves."""

import json
from typing import Any, Never, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

M = TypeVar("M", bound=BaseModel)


class BadRequest(Exception):
    """A body that can't be taken: `status` 400 for broken JSON, 422 for wrong content."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read(request: Request, model: type[M]) -> M:
    """The request's body as a model. Raises `BadRequest`."""
    try:
        return model.model_validate(parse(await request.body()))
    except ValidationError as error:
        raise BadRequest(422, _explain(error)) from error


def parse(body: bytes) -> Any:
    """JSON without duplicate keys, NaN, infinities or bottomless nesting (RFC 8259)."""
    try:
        return json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise BadRequest(400, "The body is nested too deeply.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadRequest(400, f"The body is not valid JSON: {error}.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRequest(400, f"The key “{twice[:60]}” stands twice in one object.")
    return values


def _no_constant(name: str) -> Never:
    raise BadRequest(400, f"{name} is not JSON. Send a number.")


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"])) or "body"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}."
