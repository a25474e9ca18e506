"""What Litestar works out of the routes, kept for the next server of the process: it takes most of a server's start.

Each server has its own state, dependencies, authentication and lifespan, as `create_app` gives them. Only what is the
same for all is shared: which handler answers what, and what it takes.
"""

from collections.abc import Callable
from copy import copy
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send


class _App(Litestar):
    """A server's own part."""

    own_dependencies: dict[str, Provide]
    own_middleware: list[DefineMiddleware]
    stacks: dict[tuple[int, int], ASGIApp]


class _Middleware:
    """Passes on to the one of the server that is asked."""

    def __init__(self, app: ASGIApp, index: int) -> None:
        self._app = app
        self._index = index

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server: Any = scope["litestar_app"]
        key = (self._index, id(self._app))
        if key not in server.stacks:
            server.stacks[key] = server.own_middleware[self._index](app=self._app)
        await server.stacks[key](scope, receive, send)


class Routed:
    """Stands where `Litestar` does in `create_app`."""

    def __init__(self) -> None:
        self._first: _App | None = None

    def __call__(
        self,
        *,
        dependencies: dict[str, Provide],
        middleware: list[DefineMiddleware],
        state: State,
        lifespan: list[Any],
        on_startup: list[Any],
        on_shutdown: list[Any],
        **same: Any,
    ) -> Litestar:
        if self._first is None:
            self._first = _App(
                dependencies={name: _dependency(name, provided) for name, provided in dependencies.items()},
                middleware=[DefineMiddleware(_Middleware, index=index) for index, _ in enumerate(middleware)],
                **same,
            )
        app = copy(self._first)
        app.own_dependencies = dependencies
        app.own_middleware = middleware
        app.stacks = {}
        app.state = state
        app._lifespan_managers = lifespan
        app.on_startup = on_startup
        app.on_shutdown = on_shutdown
        app.event_emitter = type(app.event_emitter)(listeners=[])
        app.asgi_router = copy(app.asgi_router)
        app.asgi_router.app = app
        app.asgi_handler = app._create_asgi_handler()
        return app


def _dependency(name: str, provided: Provide) -> Provide:
    """What is asked for nothing is a server's own. What is asked for a request finds its server there."""
    function: Callable[..., Any] = provided.dependency
    if function.__code__.co_argcount:
        assert function.__closure__ is None, f"the dependency {name!r} would be the first server's in all of them"
        return provided
    return Provide(_own(name), sync_to_thread=False)


def _own(name: str) -> Callable[[Scope], Any]:
    def provide(scope: Scope) -> Any:
        server: Any = scope["litestar_app"]
        return server.own_dependencies[name].dependency()

    return provide
