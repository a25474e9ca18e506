"""The description of the API, at `/schema`: what the handlers say, and what is true of all of them."""

from http import HTTPStatus
from typing import Any

from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.openapi.spec import Components, OpenAPI, SecurityScheme

from app.domain.runs.events_schema import event_schemas
from app.server.health import VERSION
from app.server.problems import HTTP_CODES, MEDIA_TYPE

_NULL = {"type": "null"}
_TEXT = {"type": "string"}
_ALWAYS = (400, 500, 503)
_WITH_BODY = (408, 413, 415, 422)
_PROBLEM = {
    "description": "What went wrong (RFC 9457). Some codes have further members.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id", "retryable"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": {**_TEXT, "description": "For people."},
        "code": {**_TEXT, "description": "For programs: it is stable."},
        "request_id": {"type": ["string", "null"]},
        "retryable": {"type": "boolean", "description": "The same request may succeed later, unchanged."},
        "retry_after": {"type": "number", "description": "Seconds."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {**_TEXT, "description": "Where in the body: a JSON pointer."},
                    "parameter": {**_TEXT, "description": "Which one of the address or the headers."},
                    "detail": _TEXT,
                },
            },
        },
    },
}
_DETAILS = {**{status: detail for status, (_, detail) in HTTP_CODES.items()}, 422: "It breaks a rule: see `errors`."}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds until another try makes sense."}}


class _Description(OpenAPI):
    def to_schema(self) -> dict[str, Any]:
        description = super().to_schema()
        description["components"]["schemas"] |= {**event_schemas(), "Problem": _PROBLEM}
        for operations in description["paths"].values():
            for operation in operations.values():
                _complete(operation)
        return description


class _Config(OpenAPIConfig):
    def to_openapi_schema(self) -> OpenAPI:
        return _Description(**vars(super().to_openapi_schema()))


def openapi_config() -> OpenAPIConfig:
    return _Config(
        title="Headgate",
        version=VERSION,
        description="Many runs on one connection: the WebSocket `/api/ws`, which this format cannot describe.",
        path="/schema",
        render_plugins=[ScalarRenderPlugin()],
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
                "ticket": SecurityScheme(type="apiKey", security_scheme_in="query", name="ticket"),
            }
        ),
        security=[{"bearer": []}],
    )


def _complete(operation: dict[str, Any]) -> None:
    """What Litestar does not know: who needs no token, which bodies may be left out, and how we refuse."""
    if operation.get("security") == [{}]:
        operation["security"] = []
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if _NULL in body.get("schema", {}).get("oneOf", ()):
        operation["requestBody"]["required"] = False
    responses = operation["responses"]
    responses.pop("400", None)
    for status in _refusals(operation):
        responses.setdefault(str(status), {"description": _DETAILS[status]})
    for status, response in responses.items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if int(status) in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            response["headers"] = _RETRY_AFTER
    if "204" in responses:
        responses["204"].pop("content", None)
    operation["responses"] = dict(sorted(responses.items()))


def _refusals(operation: dict[str, Any]) -> list[int]:
    """Those that follow from what an operation takes; its own conflicts and limits its handler names."""
    found = [*_ALWAYS]
    if operation.get("security") != []:
        found.append(401)
    if "requestBody" in operation:
        found += _WITH_BODY
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    if "path" in places:
        found.append(404)
    if places - {"path"}:
        found.append(422)
    return found
