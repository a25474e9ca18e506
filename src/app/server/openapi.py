"""The description of the API, at `/schema`."""

from dataclasses import dataclass
from typing import Any

from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import ScalarRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from app.domain.runs.events_schema import event_schemas
from app.server.health import VERSION


@dataclass
class _Components(Components):
    """With the events, which no handler returns: Litestar sets `schemas` to those of the handlers alone."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, {**(value or {}), **event_schemas()} if name == "schemas" else value)


def openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Headgate",
        version=VERSION,
        path="/schema",
        render_plugins=[ScalarRenderPlugin()],
        use_handler_docstrings=True,
        components=_Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        security=[{"bearer": []}],
    )
