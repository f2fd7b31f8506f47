"""The group of commands; turns an error into one line and an exit code.

Exit codes: 0 done, 1 failed, 2 the recipe or the arguments are wrong, 130 interrupted.
"""

import importlib
import io
import signal
import sys
from types import FrameType
from typing import Any

import click

from tamis.addresses import without_secrets_in
from tamis.errors import ConfigError, StageError, TamisError, nearest

# Imported when used: `tamis --help` loads no engine and no model.
_COMMANDS = {
    "run": "tamis.cli.run",
    "check": "tamis.cli.check",
    "inspect": "tamis.cli.inspect",
    "explain": "tamis.cli.explain",
    "report": "tamis.cli.report",
    "export": "tamis.cli.export",
    "clean": "tamis.cli.clean",
    "index": "tamis.cli.index",
    "fetch-record": "tamis.cli.fetch_record",
    "train": "tamis.cli.train",
    "robots": "tamis.cli.robots",
    "calibrate": "tamis.cli.calibrate",
}


class _Commands(click.Group):
    """Loads a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            raise click.UsageError(f"no such command: {name}{nearest(name, _COMMANDS)}")
        command: click.Command = importlib.import_module(_COMMANDS[name]).command
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: tamis check stages.yaml && tamis run stages.yaml",
)
@click.version_option(package_name="tamis", prog_name="tamis")
def tamis() -> None:
    """Make a multilingual training mix from web archives, as a recipe says.

    The stages of a recipe (stages.yaml) run from top to bottom. Every page that does
    not reach the mix is recorded with the reason, and an interrupted run continues
    where it stopped.
    """


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
        _complain(" ".join(str(error).split()) or type(error).__name__)
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
