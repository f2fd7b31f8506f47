"""Install a lock file into the environment of this Python: `python tools/install.py FILE`.

uv does it in seconds, pip in minutes. uv itself is installed from tools/uv.lock, by hash;
where it cannot be had, or does not reach what pip reaches, pip installs the same lock.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_PIP = [
    sys.executable,
    "-m",
    "pip",
    "--disable-pip-version-check",
    "--no-input",
    "--quiet",
]
# Python keeps the bytecode of what it imports. Where it must not, each process would compile
# thousands of modules again: then all are compiled now, which takes half a minute.
_COMPILED = ["--compile-bytecode"] if sys.dont_write_bytecode else []
# What a user has told pip about where packages are, and how uv calls it.
_PLACES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}


def main() -> None:
    lock = sys.argv[1]
    start = time.monotonic()
    of_lock = ["install", "--require-hashes", "--only-binary", ":all:", "-r", lock]
    of_ours = ["install", "--no-deps", "--editable", str(_ROOT)]
    why = _without_uv(of_lock, of_ours)
    if why:
        print(
            f"pip installs, in some minutes: uv cannot be used here ({why})", flush=True
        )
        for arguments in (of_lock, of_ours):
            subprocess.run([*_PIP, *arguments], check=True)
    print(f"installed {lock} in {time.monotonic() - start:.0f} s", flush=True)


def _without_uv(*installs: list[str]) -> str:
    """Install by uv; the reason if that fails."""
    pinned = [
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
        str(_ROOT / "tools/uv.lock"),
    ]
    uv = [str(Path(sys.executable).with_name("uv")), "pip"]
    environment = os.environ | _places_of_pip() | {"VIRTUAL_ENV": sys.prefix}
    for step in (
        [*_PIP, "install", *pinned],
        *([*uv, *install, *_COMPILED] for install in installs),
    ):
        try:
            ended = subprocess.run(
                step, env=environment, capture_output=True, text=True
            )
        except OSError as error:
            return str(error)
        if ended.returncode:
            return (ended.stderr.strip().splitlines() or ["no reason given"])[
                -1
            ].strip()
    return ""


def _places_of_pip() -> dict[str, str]:
    """Settings of pip's files and environment, as uv's; files come before the environment."""
    told = subprocess.run(
        [*_PIP, "config", "list"], capture_output=True, text=True
    ).stdout
    found = {}
    for line in sorted(told.splitlines(), reverse=True):
        name, _, value = line.partition("=")
        name = name.rpartition(".")[2]
        if name in _PLACES and _PLACES[name] not in os.environ:
            found[_PLACES[name]] = value.strip("'\"").replace("\\n", " ")
    return found


if __name__ == "__main__":
    main()
