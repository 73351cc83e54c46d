"""The server: on loopback, at an address that nobody can guess."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.files import reason

_TOKEN = 24  # random bytes


def serve(given: Sequence[Path], *, port: int = 0, ready: Callable[[str], None]) -> None:
    """Serve the page until the process is interrupted; running jobs are ended then.

    Args:
        given: Folders that may be read and written, and files that are opened at once.
        port: On loopback, 0 for any that is free.
        ready: Called with the address when it answers.

    Raises:
        DeblurError: The extra is not installed, a place does not exist, or the port is taken.
    """
    try:
        import uvicorn

        from vsdeblur.studio.app import Studio
    except ModuleNotFoundError as error:
        if error.name not in ("uvicorn", "starlette"):
            raise
        raise DeblurError("studio needs Starlette and uvicorn", "pip install 'vsdeblur[studio]'") from None
    from vsdeblur.studio.places import Places

    with socket.socket() as listener, TemporaryDirectory(prefix="vsdeblur-studio-") as scratch:
        try:
            listener.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise ArgumentError("port", port, f"one that is free ({reason(error)})") from None
        token, taken = secrets.token_urlsafe(_TOKEN), listener.getsockname()[1]
        studio = Studio(Places(given), Path(scratch))
        for path in given:
            if path.is_file():
                studio.open(str(path.resolve()))
        config = uvicorn.Config(
            studio.app(token, taken),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        listener.listen(64)  # what is asked before it serves waits
        ready(f"http://127.0.0.1:{taken}/{token}/")
        server.run(sockets=[listener])
