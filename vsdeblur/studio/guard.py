"""Who may ask: those who have the token, from this machine, from the page itself.

Other pages in the same browser can send requests to loopback, and a name of theirs can be made to lead there (DNS
rebinding). They know no token, their ``Origin`` is another one, and so is the ``Host`` that they ask for.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE = ("GET", "HEAD")
_FROM_HERE = ("same-origin", "none")  # of Sec-Fetch-Site; none: typed by the user


class Guard:
    """Refuses with 403 what does not come from the page, and takes the token out of the path of the rest."""

    def __init__(self, app: ASGIApp, token: str, port: int, scripts: Iterable[str]) -> None:
        """Nothing is served yet.

        Args:
            app: What is guarded.
            token: First part of the path of every request.
            port: That the server listens on.
            scripts: Texts of the scripts that its pages may run.
        """
        self._app = app
        self._token = token.encode()
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        hashes = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)
        self._headers = {
            "Content-Security-Policy": f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
            "img-src data:; media-src data:; connect-src 'self'; frame-src 'self'; frame-ancestors 'self'; "
            "base-uri 'none'; form-action 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",  # the address has the token
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the server's start and end."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refused = self._refused(scope)
        if refused:
            await PlainTextResponse(refused, 403)(scope, receive, self._with_headers(send))
            return
        rest = scope["path"].split("/", 2)[2]
        await self._app({**scope, "path": f"/{rest}", "raw_path": None}, receive, self._with_headers(send))

    def _refused(self, scope: Scope) -> str:
        """Why a request is refused; empty for those that are served."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return "this address is not served here"
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if origin not in (None, f"http://{host}") or site not in _FROM_HERE:
            return "another page may not ask this"
        if origin is None and scope["method"] not in _SAFE:
            return "requests that change something must say from where they come (Origin)"
        parts = scope["path"].split("/", 2)
        if len(parts) < 3 or not hmac.compare_digest(parts[1].encode(), self._token):
            return "the address lacks its token: take the one that vsdeblur studio has printed"
        return ""

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        return sent
