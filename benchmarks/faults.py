"""Damage files and fail system calls, let the run go on, and compare every published byte.

    python benchmarks/faults.py                       # until 300 faults have been tried
    python benchmarks/faults.py --faults 20 --seed 7

Half of the faults are damage: a file of a finished output folder or of its index is cut, has
one bit flipped, is zeroed in part, emptied, or becomes other JSON; some records of finished
tasks are taken away, so that what they list is read or made again. The other half are
failures: in a new run strace has the n-th write, fsync, rename, link, read or open (or all
from the n-th on) answer ENOSPC, EIO or ESTALE.

Each case must end healed, with the bytes of a run that nobody disturbed, or in a line that
says what is wrong. After a failure the next run must be whole. Exit code 1 after a case that
does neither.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from kills import _KINDS, Content, Trial, compile_kernels, small_archives

_MOST_LINES = 6  # notes on what was made again may stand before the error
# System calls of Linux, by the errors that a disk or a network file system answers.
_FAILING = {
    "ENOSPC": ("write", "pwrite64", "fsync", "rename", "link", "mkdir", "ftruncate"),
    "EIO": ("write", "pwrite64", "fsync", "rename", "link", "read", "pread64"),
    "ESTALE": ("fsync", "rename", "link", "read", "pread64", "openat"),
}
_CALLS = sorted({call for calls in _FAILING.values() for call in calls})
# Until here an interpreter imports: a failure of that is its own to tell.
_IMPORTING = 0.7

Damage = Callable[[bytes, random.Random], bytes]


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def _flipped(content: bytes, draw: random.Random) -> bytes:
    damaged = bytearray(content)
    damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def _zeroed(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content))
    stop = min(len(content), start + 4096)
    return content[:start] + bytes(stop - start) + content[stop:]


DAMAGES: dict[str, Damage] = {
    "cut": _cut,
    "flipped": _flipped,
    "zeroed": _zeroed,
    "empty": lambda content, draw: b"",
    "other": lambda content, draw: draw.choice([b"{}", b"[]", b"null", b"7", b'"x"']),
}


def damaged_case(pristine: Trial, trial: Trial, draw: random.Random) -> tuple[str, str]:
    """A damaged folder, and what to call the case; run afterwards."""
    base = trial.output.parent
    shutil.copytree(pristine.output.parent, base)
    files = sorted(path for path in base.rglob("*") if path.is_file())
    # First the kind of file: of some there are many.
    kinds: dict[str, list[Path]] = {}
    for path in files:
        kinds.setdefault(f"{path.parent.relative_to(base)}/*{path.suffix}", []).append(
            path
        )
    kind = draw.choice(sorted(kinds))
    path = draw.choice(kinds[kind])
    for record in sorted(base.glob("out/commits/*/*.json")):
        if draw.random() < 0.3 and record != path:
            record.unlink()
    name = draw.choice(sorted(DAMAGES))
    content = path.read_bytes()
    path.write_bytes(DAMAGES[name](content, draw) if content else b"\0")
    return f"{name} {kind}", str(path.relative_to(trial.output.parent))


def injection(draw: random.Random, counts: Counter[str]) -> tuple[str, list[str]]:
    """A failing call, and the strace that fails it."""
    error = draw.choice(sorted(_FAILING))
    call = draw.choice([call for call in _FAILING[error] if counts[call]])
    first = 1
    if call in ("read", "openat", "pread64"):
        first = int(_IMPORTING * counts[call])
    number = draw.randint(first, max(first, counts[call]))
    is_lasting = draw.random() < 0.5
    where = f"{number}{'+' if is_lasting else ''}"
    name = f"{call} {error}{' from then on' if is_lasting else ''}"
    inject = f"inject={call}:error={error}:when={where}"
    return name, ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject]


def calls_of(trial: Trial) -> Counter[str]:
    """How often a whole run makes each call in its main thread, where most is done."""
    with tempfile.NamedTemporaryFile() as log:
        trace = [
            "strace",
            "-f",
            "-qq",
            "-o",
            log.name,
            "-e",
            f"trace={','.join(_CALLS)}",
        ]
        with trial.start(trace) as run:
            run.communicate()
        lines = re.findall(rb"^(\d+) +(\w+)\(", Path(log.name).read_bytes(), re.M)
    main = lines[0][0]
    return Counter(call.decode() for thread, call in lines if thread == main)


def outcome(trial: Trial, strace: list[str]) -> tuple[int, str]:
    with trial.start(strace) as run:
        try:
            _, errors = run.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            run.kill()
            return -1, "it hung"
    return run.returncode, errors.decode("utf-8", "replace")


def complaint(
    code: int,
    errors: str,
    found: Content,
    expected: Content,
    *,
    itself: str = "",
    is_mute: bool = False,
) -> str:
    """What is wrong with how a run ended; empty if it is healed or says what is wrong.

    `itself` is the damaged file: a published one that no step reads stays as it is.
    `is_mute`: no write succeeds, not even one to the terminal.
    """
    if code == 0:
        names = {name for name in expected if found.get(name) != expected[name]}
        names |= found.keys() - expected.keys()
        names.discard(itself.removeprefix("out/"))
        return f"other bytes: {sorted(names)}" if names else ""
    lines = errors.splitlines()
    # The interpreter's own failure to import is its own to tell.
    if (is_mute and not lines) or "<frozen importlib" in errors:
        return ""
    if "Traceback" in errors or not lines or len(lines) > _MOST_LINES:
        return f"exit code {code}:\n{errors[-3000:]}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("strace is not installed")
    compile_kernels()
    draw = random.Random(arguments.seed)
    base = Path(tempfile.mkdtemp(prefix="faults-"))
    small_archives(base)
    pristine = {}
    for kind in _KINDS:
        pristine[kind] = trial = Trial(base / f"whole-{kind}", kind, "inline")
        if wrong := trial.finish():
            sys.exit(f"{kind}: the undisturbed run failed: {wrong}")
    expected = {kind: trial.content() for kind, trial in pristine.items()}
    counts = calls_of(Trial(base / "counted", "plain", "inline"))
    print(json.dumps(counts), flush=True)
    cases: Counter[str] = Counter()
    findings = 0
    for number in range(arguments.faults):
        kind = draw.choice(list(_KINDS))
        trial = Trial(base / f"trial-{number}", kind, "inline")
        itself = ""
        if number % 2:
            name, itself = damaged_case(pristine[kind], trial, draw)
            code, errors = outcome(trial, [])
        else:
            name, strace = injection(draw, counts)
            code, errors = outcome(trial, strace)
        cases[f"{'healed' if code == 0 else 'said'} {name}"] += 1
        wrong = complaint(
            code,
            errors,
            trial.content(),
            expected[kind],
            itself=itself,
            is_mute=name.startswith("write") and name.endswith("from then on"),
        )
        if not wrong and number % 2 == 0 and code:
            code, errors = outcome(trial, [])
            wrong = complaint(code, errors, trial.content(), expected[kind])
            wrong = wrong or (f"not whole afterwards: {errors}" if code else "")
        if wrong:
            findings += 1
            print(f"{trial.output.parent}: {kind}, {name}: {wrong}", flush=True)
        else:
            shutil.rmtree(trial.output.parent)
        if (number + 1) % 20 == 0:
            print(f"{number + 1} faults, {findings} findings", flush=True)
    for case, count in sorted(cases.items()):
        print(f"{count:5} {case}")
    print(f"{arguments.faults} faults, {findings} neither healed nor said")
    if not findings:
        shutil.rmtree(base)
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
