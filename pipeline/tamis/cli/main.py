"""The group of commands; turns an error into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 the recipe or the arguments are wrong, 130 interrupted.
"""

import contextlib
import errno
import importlib
import io
import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click

from tamis.addresses import without_secrets_in
from tamis.errors import ConfigError, StageError, TamisError, nearest

# Module and line of help of each command. `tamis --help` imports none of them, and each
# imports what it needs when it is called: its own help loads no engine and no model.
_COMMANDS = {
    "init": ("init", "Write a recipe for archives of your own."),
    "run": ("run", "Run RECIPE (default: stages.yaml)."),
    "submit": (
        "submit",
        "Run RECIPE (default: stages.yaml) as a job of a Ray cluster.",
    ),
    "stop": ("stop", "Stop the job that runs RECIPE (default: stages.yaml)."),
    "status": ("status", "Show how far the run in RUN, an output folder, is."),
    "check": ("check", "Check RECIPE (default: stages.yaml) and print its plan."),
    "estimate": (
        "estimate",
        "Say what RECIPE (default: stages.yaml) will give and cost, from a sample.",
    ),
    "refresh": (
        "refresh",
        "Bring the corpus of RECIPE (default: stages.yaml) up to date.",
    ),
    "inspect": (
        "inspect",
        "Show documents of RUN, an output folder: of its mix, or dropped (--dropped, --stage).",
    ),
    "explain": (
        "explain",
        "Take one page through the stages of RECIPE and show what each of them finds.",
    ),
    "report": (
        "report",
        "Print the funnel of RUN, an output folder, and write its report.html again.",
    ),
    "verify": (
        "verify",
        "Hold all that RUN published against its records: a run, a release or a corpus.",
    ),
    "trace": (
        "trace",
        "Follow a document through all that RUN has of it: a run, a release or a corpus.",
    ),
    "lookup": (
        "lookup",
        "Say how much of a domain or a page is in CORPUS: a corpus, a run or a release.",
    ),
    "forget": (
        "forget",
        "Take documents out of CORPUS for ever: a corpus, a run or a release.",
    ),
    "compare": (
        "compare",
        "Compare B with A, output folders or releases: what a changed setting does.",
    ),
    "card": (
        "card",
        "Write README.md and croissant.json of RUN, an output folder or a release.",
    ),
    "summary": (
        "summary",
        "Write the AI Act's public summary of RUN, an output folder or a release.",
    ),
    "export": (
        "export",
        "Write the documents of RUN, an output folder, with the signals of all stages.",
    ),
    "clean": (
        "clean",
        "Remove results of RUN, an output folder, that only earlier runs used.",
    ),
    "index": ("index", "Manage FOLDER, the `index` of a recipe's deduplicate."),
    "fetch-record": (
        "fetch_record",
        "Print the page at OFFSET and LENGTH of WARC: a path, an address, or with --run or "
        "--root the warc_path of a document.",
    ),
    "train": (
        "train",
        "Train a model on your own documents; it is one readable file with its figures.",
    ),
    "robots": (
        "robots",
        "Read the robots.txt responses of ARCHIVES and write what they refuse to the agents.",
    ),
    "kernels": ("kernels", "Compile all kernels, once per installation."),
    "calibrate": (
        "calibrate",
        "Compute bounds per language from the documents of RUN, an output folder.",
    ),
}


class _Commands(click.Group):
    """Loads a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            raise click.UsageError(f"no such command: {name}{nearest(name, _COMMANDS)}")
        module, _ = _COMMANDS[name]
        found = importlib.import_module(f"tamis.cli.{module}")
        command: click.Command = found.command
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        limit = formatter.width - 6 - max(map(len, _COMMANDS))
        rows = [
            (name, click.Command(name, help=line).get_short_help_str(limit))
            for name, (_, line) in _COMMANDS.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: tamis init && tamis check && tamis run",
)
@click.version_option(package_name="tamis", prog_name="tamis")
def tamis() -> None:
    """Make a multilingual training mix from web archives, as a recipe says.

    The stages of a recipe (stages.yaml) run from top to bottom. Every page that does
    not reach the mix is recorded with the reason, and an interrupted run continues
    where it stopped.
    """


def console() -> NoReturn:
    """Run the command line and end the process, with its exit code, as soon as it is done.

    Python would free a thousand modules first, which takes a second. What is written is
    written: the streams are flushed here, and files are complete when a command returns.
    Children end with their parent.
    """
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = _number_of(stop)
    except KeyboardInterrupt:
        code = 130
    os._exit(_flushed(code))


def _number_of(stop: SystemExit) -> int:
    """The exit code; a message in its place is printed, as Python does."""
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    _complain(str(stop.code))
    return 1


def _flushed(code: int) -> int:
    """`code`, or what tells that the output could not be written to its end."""
    if "logging" in sys.modules:
        sys.modules["logging"].shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except KeyboardInterrupt:
            return code or 130
        except BrokenPipeError:  # its reader has left, and knows
            code = code or 1
        except (OSError, ValueError) as error:
            code = code or 1
            with contextlib.suppress(OSError, ValueError):
                _complain(_told_of_system(error))
    return code


def _told_of_system(error: Exception) -> str:
    """The error in one line. Files have names: what has none is a stream."""
    why = " ".join(str(error).split()) or type(error).__name__
    of_space = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    is_stream = isinstance(error, OSError) and error.errno in of_space
    is_stream = is_stream and getattr(error, "filename", None) is None
    return f"the standard output cannot be written: {why}" if is_stream else why


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a log in ASCII is no reason to fail
            stream.reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        tamis.main(arguments, prog_name="tamis", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        told = io.StringIO()
        error.show(told)
        click.echo(without_secrets_in(told.getvalue()), err=True, nl=False)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _complain("stopped; what is finished is kept: run the same command to continue")
        sys.exit(130)
    except ConfigError as error:
        _complain(str(error))
        sys.exit(2)
    except StageError as error:
        _complain(str(error))
        _show_bug(error.__cause__)
        sys.exit(1)
    except TamisError as error:
        _complain(str(error))
        sys.exit(1)
    except (OSError, MemoryError) as error:  # of the system, where no one explained it
        _complain(_told_of_system(error))
        sys.exit(1)
    # A bug: as Python shows it, but without addresses' secrets.
    except Exception as error:
        _show_bug(error)
        sys.exit(1)


def _complain(message: str) -> None:
    click.echo(f"tamis: {without_secrets_in(message)}", err=True)


def _show_bug(cause: BaseException | None) -> None:
    """Print a traceback for a bug: an error that is neither ours nor the system's."""
    if cause is not None and not isinstance(cause, TamisError | OSError | MemoryError):
        import traceback

        told = "".join(traceback.format_exception(cause))
        click.echo(without_secrets_in(told), err=True, nl=False)


def _interrupt(number: int, frame: FrameType | None) -> Any:
    raise KeyboardInterrupt
