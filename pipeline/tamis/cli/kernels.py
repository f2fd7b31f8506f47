"""tamis kernels: compile now what the first run would compile."""

import click


@click.command(
    "kernels",
    epilog="""\b
    Examples:
      tamis kernels
      TAMIS_CACHE=/shared/tamis tamis kernels   # for all machines that see the folder
    """,
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    help="At most so many at once (default: one a core).",
)
def command(processes: int | None) -> None:
    """Compile all kernels, once per installation.

    A run does it for its own stages where it has not been done. For an image of a container, or a folder that
    many machines see, it is done here: machine code is for x86-64-v3 or any aarch64, unless
    TAMIS_CPU=native is set. It is kept in TAMIS_CACHE, else in the package, else in the
    user's cache.
    """
    from tamis.errors import TamisError
    from tamis.kernels import KernelsNotCompiled, ensure_kernels, kernels_folder

    def say(done: int, of: int) -> None:
        click.echo(
            f"compiling kernels, once per installation: {done} of {of}", err=True
        )

    try:
        is_new = ensure_kernels(say, processes=processes)
    except (KernelsNotCompiled, OSError) as error:
        raise TamisError(f"kernels cannot be compiled: {error}") from error
    folder = kernels_folder()
    if folder is None:
        raise TamisError("no folder for kernels can be written: set TAMIS_CACHE")
    click.echo(f"kernels {'compiled into' if is_new else 'are in'} {folder}")
