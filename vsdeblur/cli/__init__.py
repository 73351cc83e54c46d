"""The command line: ``vsdeblur transcode | batch | join | image | compare | studio | demo | bench | inspect | train |
adapt``.

Every error is one line on stderr. Exit codes: 0 done, 1 failure, 2 wrong usage, 3 done but some of the input could not
be decoded, 130 interrupted, 129 and 143 ended by SIGHUP and SIGTERM. Commands import what they need when they run, so
that help is instant.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

import click

from vsdeblur.cli._endings import Ended, drop_output, handled
from vsdeblur.cli._options import option_words
from vsdeblur.cli.adapt import adapt
from vsdeblur.cli.batch import batch
from vsdeblur.cli.bench import bench
from vsdeblur.cli.compare import compare
from vsdeblur.cli.demo import demo
from vsdeblur.cli.image import image
from vsdeblur.cli.inspect import inspect
from vsdeblur.cli.join import join
from vsdeblur.cli.studio import studio
from vsdeblur.cli.train import train
from vsdeblur.cli.transcode import transcode
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.version import __version__

FAILURE, USAGE, PARTIAL, INTERRUPTED = 1, 2, 3, 130


class _Stop(Exception):
    """Ended from outside: a line and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class _Group(click.Group):
    """A group whose every failure is one line and an exit code."""

    def main(self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any) -> Any:  # type: ignore[override]
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        if threading.current_thread() is not threading.main_thread():
            sys.exit(self._guarded(args, **extra))
        with handled():
            sys.exit(self._guarded(args, **extra))

    def invoke(self, ctx: click.Context) -> Any:
        """Errors in the words of the command; click would end the other two in ways of its own."""
        try:
            return super().invoke(ctx)
        except DeblurError as error:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            words = option_words(command) if command else {}
            code = USAGE if isinstance(error, ArgumentError) else FAILURE
            raise _Stop(error.on_command_line(words), code) from error
        except KeyboardInterrupt as error:
            raise _Stop(f"interrupted: {error}".rstrip(": "), INTERRUPTED) from None
        except BrokenPipeError:
            drop_output()
            raise _Stop("the reader of the output went away", FAILURE) from None

    def _guarded(self, args: Sequence[str] | None, **extra: Any) -> int:
        try:
            code = super().main(args, standalone_mode=False, **extra)
            if sys.stdout is not None:
                sys.stdout.flush()
            return code if isinstance(code, int) else 0
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            return USAGE
        except click.ClickException as error:
            return _complain(error.format_message(), error.exit_code)
        except _Stop as stop:
            return _complain(str(stop), stop.code)
        except (click.Abort, KeyboardInterrupt):
            return _complain("interrupted", INTERRUPTED)
        except ModuleNotFoundError as error:
            return _complain(f"{error.name} is not installed", FAILURE)
        except MemoryError:
            return _complain("out of memory: give a smaller --max-memory", FAILURE)
        except Ended as ended:
            return _complain(str(ended), ended.code)
        except Exception as error:
            if isinstance(error, OSError):
                drop_output()
            if os.environ.get("VSDEBLUR_DEBUG"):
                raise
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            hint = "" if isinstance(error, OSError) else " (VSDEBLUR_DEBUG=1 shows where)"
            return _complain(f"{what}{hint}", FAILURE)


def _complain(message: str, code: int) -> int:
    click.echo("vsdeblur: " + " ".join(message.split()), err=True)
    return code


class _Stderr(logging.Handler):
    """Log lines on whatever stderr is at the time: a progress bar puts itself below them."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"vsdeblur: {record.getMessage()}", err=True)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="vsdeblur")
@click.option("-v", "--verbose", is_flag=True, help="Log what the filter decides, on stderr.")
def main(verbose: bool) -> None:
    """Motion-blurred video in, sharp high-frame-rate video out.

    A blurry 30 fps clip becomes a sharper 120 fps one with: vsdeblur transcode in.mp4 out.mp4 --factor 4
    """
    logger = logging.getLogger("vsdeblur")
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    if not any(isinstance(handler, _Stderr) for handler in logger.handlers):
        logger.addHandler(_Stderr())


for command in (transcode, batch, join, image, compare, studio, demo, bench, inspect, train, adapt):
    main.add_command(command)
