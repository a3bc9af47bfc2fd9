"""The command line, derived from the verbs' signatures.

Imports no verb until one is invoked or its help is asked for. The contract (exit codes,
`--json`, one message per error) is stated in docs/cli.md and held by tests/contracts.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, cast

import click

from maskloom.core.outcome import envelope
from maskloom.errors import UsageError
from maskloom.faces.arguments import VerbCommand
from maskloom.faces.console import progress_sink, show
from maskloom.faces.explain import explain
from maskloom.faces.signature import Signature, load_verb
from maskloom.faces.tables import printable
from maskloom.store.files import atomic_write_bytes
from maskloom.verbs import VERBS
from maskloom.version import __version__
from maskloom.work.progress import Cancelled, using

INTERRUPTED = 130
BROKEN_PIPE = 141
SERVERS = {
    "label": "open the page in which labels are made and mended",
    "serve": "offer the verbs over REST on this machine",
}


class Verbs(click.Group):
    """The commands: every verb, and the servers, each imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order in which a project meets them."""
        return [*VERBS, *SERVERS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the verb's module."""
        if cmd_name in VERBS:
            return VerbCommand(load_verb(cmd_name), run_verb)
        if cmd_name in SERVERS:
            # `maskloom.faces.label:label_command` and its like.
            home = importlib.import_module(f"maskloom.faces.{cmd_name}")
            return cast(click.Command, getattr(home, f"{cmd_name}_command"))
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """One line each, from the tables, without importing anything."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.about) for name, verb in VERBS.items()])
        with formatter.section("Servers"):
            formatter.write_dl(list(SERVERS.items()))


group = Verbs(
    name="maskloom",
    help="Image segmentation: from raw images to masks that can be trusted.",
    epilog="`maskloom VERB --help` explains a verb. Every verb takes --json FILE.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(__version__, prog_name="maskloom", message="%(prog)s %(version)s")(group)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after the program's name; None takes them from the process, and
            turns SIGTERM and SIGHUP into an orderly exit.

    Returns:
        0 done; 1 done, but something was found, refused or left out; 2 bad input or usage;
        130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        _exit_on_signals()
        _tolerate_any_name()
    verb = next((word for word in words if not word.startswith("-")), "")
    name = f"maskloom {verb}" if verb in (*VERBS, *SERVERS) else "maskloom"
    with warnings.catch_warnings():
        # Libraries warn their developers; what users should know is in Outcome.warnings.
        if not sys.warnoptions and not _debugging():
            warnings.simplefilter("ignore")
        try:
            # Not group.main, which has its own idea of interrupts and broken pipes.
            with group.make_context("maskloom", words or ["--help"]) as context:
                code = group.invoke(context)
            sys.stdout.flush()
        except click.exceptions.Exit as finished:
            return finished.exit_code
        except (Exception, KeyboardInterrupt, Cancelled) as error:  # noqa: BLE001 (the outermost door)
            return _failed(name, error)
    return code if isinstance(code, int) else 0


def run_verb(signature: Signature, arguments: dict[str, Any], json_path: str | None) -> int:
    """Call the verb, write its machine form, show it to people."""
    if json_path not in (None, "-"):
        _check_json_target(Path(json_path), arguments)
    err = sys.stderr
    # What a library prints must not end up between our tables, or in the JSON on stdout.
    with using(progress_sink(err)), contextlib.redirect_stdout(err):
        outcome = signature.function(**arguments)
    if json_path is not None:
        text = json.dumps(
            envelope(signature.verb, signature.public(arguments), outcome),
            ensure_ascii=json_path == "-",
            indent=1,
            allow_nan=False,
        )
        write_json(json_path, text + "\n")
    show(outcome, err if json_path == "-" else sys.stdout, err)
    return outcome.exit_code


def write_json(target: str, text: str) -> None:
    """Write to stdout ("-"), a pipe, or a file that appears when whole."""
    path = Path(target)
    if target == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    # Only a lone surrogate (an undecodable file name) cannot be encoded; JSON has its escape.
    data = text.encode("utf-8", "backslashreplace")
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    # A symbolic link stays one.
    atomic_write_bytes(path.resolve(), data)


def _check_json_target(path: Path, arguments: dict[str, Any]) -> None:
    """Refuse at once what would otherwise be refused after hours of work."""
    if path.is_dir():
        raise UsageError("is a folder", where="--json", seen=str(path), hint="name a file, or '-'")
    there = path if path.exists() else next(one for one in path.absolute().parents if one.exists())
    if not os.access(there, os.W_OK) or (there != path and not there.is_dir()):
        raise UsageError("cannot be written", where="--json", seen=str(path), hint=f"check {there}")
    for value in arguments.values():
        if isinstance(value, Path) and value.is_file() and path.exists() and path.samefile(value):
            raise UsageError(
                "would overwrite an input", where="--json", seen=str(path), hint="name another file"
            )


def _failed(name: str, error: BaseException) -> int:
    if isinstance(error, BrokenPipeError):
        # The reader (head, less) has gone; what Python flushes at exit must go nowhere.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if isinstance(error, KeyboardInterrupt | Cancelled | click.Abort):
        _say(f"{name}: interrupted")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        text = error.format_message().rstrip(".")
        _say(f"{name}: error: {text}. Try '{name} --help'.")
        return 2
    known = explain(error)
    if known is not None:
        _say(f"{name}: error: {known.message}")
        return known.exit_code
    if _debugging():
        traceback.print_exception(error)
    _say(
        f"{name}: error: internal error, please report it ({type(error).__name__}: {error}). "
        "Set MASKLOOM_DEBUG=1 to see the traceback."
    )
    return 2


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(" ".join(printable(text).split()) + "\n")
        sys.stderr.flush()


def _debugging() -> bool:
    return os.environ.get("MASKLOOM_DEBUG", "") not in ("", "0")


def _tolerate_any_name() -> None:
    """A file name that the terminal's encoding cannot spell must not stop a run."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _exit_on_signals() -> None:
    """Let `finally` blocks remove half-written files when the process is told to stop."""
    if threading.current_thread() is not threading.main_thread():
        return
    for one in (signal.SIGTERM, getattr(signal, "SIGHUP", None)):
        if one is not None and signal.getsignal(one) is signal.SIG_DFL:
            signal.signal(one, _exit)


def _exit(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    sys.exit(128 + number)
