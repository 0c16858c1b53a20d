"""`/v1/embeddings`: vectors of texts, for tools that speak OpenAI's protocol.

Nothing is recorded, and who loses the database's lease gives none. Wire format: OpenAI API
reference, “Embeddings”.
"""

import sys
from array import array
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.bearer import Bearer
from bot.hangup import while_connected
from bot.hygiene import clean
from bot.openai_api import assert_ours, refusal
from bot.wire import BadRequest, read
from engine.base import Embeds, Engine, EngineError

MOST_TEXTS = 512
Text = Annotated[str, Field(min_length=1)]


class EmbeddingRequest(BaseModel):
    """Texts to embed; what is not listed here is accepted and has no effect."""

    model_config = ConfigDict(extra="ignore")

    model: str = ""
    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MOST_TEXTS)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: None = None

    @property
    def texts(self) -> list[str]:
        """What is asked for, one or many."""
        given = [self.input] if isinstance(self.input, str) else self.input
        return [clean(text) for text in given]


class EmbeddingsApi:
    """The handler. `assert_held` raises `Fenced` when another bot may answer by now."""

    def __init__(self, engine: Engine, bearer: Bearer, assert_held: Callable[[], None]) -> None:
        self._engine = engine
        self._bearer = bearer
        self._assert_held = assert_held

    def routes(self) -> list[Route]:
        """What is served."""
        return [Route("/v1/embeddings", self.embed, methods=["POST"])]

    async def embed(self, request: Request) -> Response:
        """The vectors, in the order of the texts."""
        self._bearer.caller(request)
        body = await read(request, EmbeddingRequest)
        if not isinstance(self._engine, Embeds):
            raise BadRequest(503, "The engine of this bot has no embeddings.")
        try:
            made = await while_connected(request, self._engine.embed(body.texts))
        except EngineError as error:
            raise refusal(error) from error
        assert_ours(self._assert_held)
        packed = body.encoding_format == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _packed(vector) if packed else vector,
            }
            for index, vector in enumerate(made.vectors)
        ]
        usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
        whole: dict[str, Any] = {"object": "list", "data": data, "model": made.model}
        return JSONResponse(whole | {"usage": usage})


def _packed(vector: Sequence[float]) -> str:
    """Little-endian 32-bit floats, as the reference client reads them."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode()
