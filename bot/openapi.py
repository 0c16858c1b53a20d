"""`/openapi.json`: the HTTP API's description, from the models that read and write it."""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot import __version__
from bot.api import ChatRequest, ChatResponse
from bot.embeddings_api import EmbeddingRequest
from bot.openai_api import CompletionRequest

REF = "#/components/schemas/{model}"


class ApiError(BaseModel):
    """What went wrong, in a sentence."""

    message: str
    type: str
    code: str | None = None
    param: str | None = None


class ErrorResponse(BaseModel):
    """Any response that is not a success."""

    error: ApiError


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    models: list[type[BaseModel]] = [
        ChatRequest,
        ChatResponse,
        CompletionRequest,
        EmbeddingRequest,
        ErrorResponse,
    ]
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=REF)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Parley", "version": __version__},
        "paths": {
            "/api/v1/chat": {"post": _chat()},
            "/v1/chat/completions": {"post": _completions()},
            "/v1/embeddings": {"post": _embeddings()},
            "/v1/models": {"get": _plain("The models that answer", secured=True)},
            "/healthz": {"get": _plain("The process lives")},
            "/readyz": {"get": _plain("200 when messages are answered, 503 otherwise")},
            "/metrics": {"get": _plain("Prometheus metrics", "text/plain")},
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _chat() -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string"},
        "description": "A repeated request with the same key gets the recorded answer.",
    }
    operation = _posting("Ask a question in a session", ChatRequest, ChatResponse)
    return operation | {"parameters": [key]}


def _completions() -> dict[str, Any]:
    return _posting("OpenAI-compatible chat completion", CompletionRequest, None)


def _embeddings() -> dict[str, Any]:
    return _posting("OpenAI-compatible embeddings", EmbeddingRequest, None)


def _posting(
    summary: str, body: type[BaseModel], response: type[BaseModel] | None
) -> dict[str, Any]:
    operation = _plain(summary, secured=True)
    operation["requestBody"] = {"required": True, "content": _json(body)}
    content = {"text/event-stream": {"schema": {"type": "string"}}} | _json(response)
    operation["responses"]["200"]["content"] = content
    for status, meaning in _FAULTS.items():
        operation["responses"][status] = {"description": meaning, "content": _json(ErrorResponse)}
    return operation


_FAULTS = {
    "400": "Broken JSON",
    "401": "No or an unknown token",
    "409": "The Idempotency-Key came with another body, or its answer is not ready",
    "413": "The body or the message is too long",
    "415": "Not application/json",
    "422": "A field is missing or wrong",
    "429": "Too many are waiting",
    "503": "No model is ready",
}


def _plain(
    summary: str, media_type: str = "application/json", *, secured: bool = False
) -> dict[str, Any]:
    content: dict[str, Any] = {media_type: {}}
    operation: dict[str, Any] = {
        "summary": summary,
        "responses": {"200": {"description": "Success", "content": content}},
    }
    return operation | {"security": [{"bearer": []}, {}]} if secured else operation


def _json(model: type[BaseModel] | None) -> dict[str, Any]:
    schema = {"$ref": REF.format(model=model.__name__)} if model else {}
    return {"application/json": {"schema": schema}}
