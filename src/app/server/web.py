"""The web page, served beside the API: files that the page's build has put into `app/ui`.

It stands before the application and takes what is its own; everything else goes on as if it were not there.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio import to_thread
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

UI = Path(__file__).parents[1] / "ui"
MISSING = "There is no web page to serve: `make ui` builds it and needs Node 20 or newer. The API works without."
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
"""No inline script or style, nothing from elsewhere, and no text that becomes markup."""
_OTHERS = ("/api", "/a2a", "/health", "/schema", "/metrics", "/.well-known", "/assets")
"""What is never a page of the app. A name of a built file that is not there is not one either."""
_SAFE: Headers = [
    (b"content-security-policy", POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
_FOREVER = b"public, max-age=31536000, immutable"
_ASK = b"no-cache"
_COMPRESSED = frozenset({".html", ".js", ".css", ".svg", ".json", ".webmanifest", ".txt"})


def has_ui(folder: Path = UI) -> bool:
    return (folder / "index.html").is_file()


@dataclass(frozen=True, slots=True)
class _File:
    kind: bytes
    cache: bytes
    etag: bytes
    body: bytes
    packed: bytes | None


class Web:
    def __init__(self, app: ASGIApp, folder: Path = UI) -> None:
        self._app = app
        self._folder = folder
        found = (path for path in folder.rglob("*") if path.is_file()) if has_ui(folder) else ()
        names = (path.relative_to(folder) for path in found)
        # Looked up by their names as they were at the start: no part of an address ever becomes a path.
        self._names = {f"/{name.as_posix()}": name for name in names if not any(part[0] == "." for part in name.parts)}
        self._files: dict[str, _File] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = self._wanted(scope) if self._names and scope["type"] == ScopeType.HTTP else None
        if name is None:
            await self._app(scope, receive, send)
        else:
            await self._send(await self._file(name), scope, send)

    def _wanted(self, scope: Any) -> str | None:
        """The file that answers, if one of ours does."""
        path: str = scope["path"]
        if scope["method"] not in {"GET", "HEAD"}:
            return None
        if path in self._names and path != "/index.html":
            return path
        if path.startswith(_OTHERS) and any(path == other or path.startswith(f"{other}/") for other in _OTHERS):
            return None
        is_page = "." not in path.rpartition("/")[2] and b"text/html" in dict(scope["headers"]).get(b"accept", b"")
        return "/index.html" if is_page else None

    async def _file(self, name: str) -> _File:
        if name not in self._files:
            self._files[name] = await to_thread.run_sync(_read, self._folder, self._names[name])
        return self._files[name]

    async def _send(self, file: _File, scope: Any, send: Send) -> None:
        asked = dict(scope["headers"])
        headers: Headers = [
            (b"cache-control", file.cache),
            (b"etag", file.etag),
            (b"vary", b"Accept, Accept-Encoding"),
            *_SAFE,
        ]
        if file.etag in asked.get(b"if-none-match", b""):
            await _answer(send, 304, headers)
            return
        body = file.body
        if file.packed is not None and b"gzip" in asked.get(b"accept-encoding", b""):
            body = file.packed
            headers.append((b"content-encoding", b"gzip"))
        headers += [(b"content-type", file.kind), (b"content-length", str(len(body)).encode())]
        await _answer(send, 200, headers, b"" if scope["method"] == "HEAD" else body)


def _read(folder: Path, name: Path) -> _File:
    body = (folder / name).read_bytes()
    kind = mimetypes.guess_type(name.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind.endswith(("javascript", "json")):
        kind += "; charset=utf-8"
    return _File(
        kind=kind.encode(),
        cache=_FOREVER if name.parts[0] == "assets" else _ASK,
        etag=f'"{hashlib.sha256(body).hexdigest()[:24]}"'.encode(),
        body=body,
        packed=gzip.compress(body, mtime=0) if name.suffix in _COMPRESSED else None,
    )


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    head: Any = {"type": "http.response.start", "status": status, "headers": headers}
    await send(head)
    rest: Any = {"type": "http.response.body", "body": body, "more_body": False}
    await send(rest)
