"""Change one operator or number at a time and see whether a test notices: `make mutants`.

    python benchmarks/mutants.py                        # 200 mutants, seed 0
    python benchmarks/mutants.py --count 50 --seed 7
    python benchmarks/mutants.py --paths stages/filter_url.py --count 1000   # all of one

A mutant is the package with one change: a comparison, an arithmetic, bit or boolean
operator, a number by one, True and False, a `not` less, min for max, the other order of
a merge of dicts, the opposite of a returned claim. It is written into a copy of the
package and of its tests, which two workers have each; the tests of its module run there
until one fails.

    killed      a test fails, the process dies, or it takes longer than its limit
    survived    every test passes: a test is missing, or the change changes nothing
    equivalent  survived, and mutants_equivalent.txt says why it changes nothing

Types, messages, decorators and versions are left alone. The tests run with the compiler
(interpreted, kernels overflow where machine words wrap, and run a hundred times longer),
which is told to check bounds: a read behind an array's end is an error, not luck. Exit
code 1 if a mutant survived that is not known as equivalent.
"""

import argparse
import ast
import copy
import fnmatch
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("pipeline/tamis")
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.txt")
PATHS = (
    "dedup/kernels/*.py",
    "mix/kernels/*.py",
    "stages/filter_*.py",
    "warc/splits.py",
)
# Besides tests/<folder>/test_<module>*.py: what else says how a module behaves.
ALSO = {
    "dedup/kernels/components.py": ["dedup/kernels/test_edges.py"],
    "dedup/kernels/minhash.py": ["stages/test_sign.py"],
    "dedup/kernels/substrings.py": ["stages/test_deduplicate_substrings.py"],
    "dedup/kernels/survivors.py": ["stages/test_deduplicate.py"],
    "dedup/kernels/units.py": ["stages/test_deduplicate_lines.py"],
    "dedup/kernels/verify.py": ["stages/test_deduplicate_verified.py"],
    "mix/kernels/cut.py": ["stages/test_mix_corpus.py"],
    "mix/kernels/weights.py": ["stages/test_mix_corpus.py"],
    "stages/filter_quality.py": ["quality/test_top_share.py"],
    "warc/splits.py": ["stages/test_read_warc.py"],
}
COPIED = ("pipeline", "tests", "samples", "pyproject.toml", "stages.yaml", "README.md")

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
# Functions of Python, numpy and pyarrow that stand for an operator.
_FUNCTIONS = {
    "min": "max",
    "minimum": "maximum",
    "less": "less_equal",
    "greater": "greater_equal",
    "and_": "or_",
    "any": "all",
}
_FUNCTIONS |= {other: name for name, other in _FUNCTIONS.items()}
_COMPILED = shutil.ignore_patterns("*.nb[ic]")  # without checks of bounds
_NO_SETTINGS = ("version", "model_config")

Change = tuple[ast.AST, ast.AST]  # a node, and what stands in its place


@dataclass(frozen=True)
class Mutant:
    """One change. `module` is relative to the package, `source` the whole mutated file."""

    module: str
    line: int
    function: str
    before: str
    after: str
    source: str

    @property
    def key(self) -> str:
        """Names the change wherever it stands in its function."""
        return f"{self.module} {self.function}: {self.before} -> {self.after}"


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for names, statement in _statements(tree):
        dicts = {*_dict_names(tree)}
        for node, changed in _changes(statement, dicts):
            first = starts[node.lineno - 1] + node.col_offset
            last = starts[node.end_lineno - 1] + node.end_col_offset
            text = ast.unparse(ast.fix_missing_locations(changed))
            if isinstance(changed, ast.expr):
                text = f"({text})"
            content = source.encode()
            mutated = (content[:first] + text.encode() + content[last:]).decode()
            yield Mutant(
                module,
                node.lineno,
                ".".join(names) or "module",
                _header(statement),
                _header(_with_change(statement, node, changed)),
                mutated,
            )


def _statements(
    tree: ast.AST, names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], ast.stmt]]:
    """Each statement that computes something, with the names it stands under."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Raise, ast.Assert, ast.Import, ast.ImportFrom)):
            continue
        named = names
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            named = (*names, node.name)
        if isinstance(node, ast.stmt):
            yield named, node
        yield from _statements(node, named)


def _changes(statement: ast.stmt, dicts: set[str]) -> Iterator[Change]:
    """The changes of a statement's own expressions, not of those in its body."""
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = (
            statement.targets
            if isinstance(statement, ast.Assign)
            else [statement.target]
        )
        if any(isinstance(t, ast.Name) and t.id in _NO_SETTINGS for t in targets):
            return
    if isinstance(statement, ast.AugAssign):
        yield from _of_augmented(statement, dicts)
    if isinstance(statement, ast.Return) and statement.value is not None:
        value = statement.value
        if isinstance(value, (ast.Compare, ast.BoolOp)):
            yield value, ast.UnaryOp(ast.Not(), value)
    for node in _expressions(statement):
        yield from _of_expression(node)


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    waiting = [
        child
        for name, child in _fields(statement)
        if name not in ("annotation", "returns", "decorator_list")
    ]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, (ast.stmt, ast.JoinedStr, ast.excepthandler)):
            continue
        if isinstance(node, ast.arg):  # but for its annotation there is only a name
            continue
        if isinstance(node, ast.expr):
            yield node
        waiting += [child for _, child in _fields(node)]


def _fields(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield name, child


def _of_augmented(statement: ast.AugAssign, dicts: set[str]) -> Iterator[Change]:
    target, value = statement.target, statement.value
    if isinstance(statement.op, ast.BitOr) and ast.unparse(target) in dicts:
        read = ast.parse(ast.unparse(target), mode="eval").body
        merged = ast.BinOp(value, ast.BitOr(), read)
        yield statement, ast.Assign([target], merged)
    elif type(statement.op) in _ARITHMETIC:
        other = _ARITHMETIC[type(statement.op)]()
        yield statement, ast.AugAssign(target, other, value)


def _of_expression(node: ast.expr) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in _COMPARISONS[type(operator)]:
                operators = [*node.ops]
                operators[place] = other()
                yield node, ast.Compare(node.left, operators, node.comparators)
    elif isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.BitOr) and isinstance(node.left, ast.Dict):
            yield node, ast.BinOp(node.right, node.op, node.left)
        elif type(node.op) in _ARITHMETIC:
            yield node, ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, ast.BoolOp(other, node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        yield node, node.operand
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield node, ast.Constant(not node.value)
        elif isinstance(node.value, (int, float)):
            yield node, ast.Constant(node.value + 1)
            yield node, ast.Constant(node.value - 1)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _of_call(node: ast.Call) -> Iterator[Change]:
    called = node.func
    if isinstance(called, ast.Name) and called.id in _FUNCTIONS:
        yield called, ast.Name(_FUNCTIONS[called.id])
    elif isinstance(called, ast.Attribute) and called.attr in _FUNCTIONS:
        yield called, ast.Attribute(called.value, _FUNCTIONS[called.attr])
    elif isinstance(called, ast.Attribute) and called.attr == "invert":
        yield node, node.args[0]


def _dict_names(tree: ast.AST) -> Iterator[str]:
    """Names that are given a dict somewhere, as far as that can be read."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            value = ast.unparse(node.value)
            is_dict = isinstance(node.value, (ast.Dict, ast.DictComp))
            if is_dict or value.startswith(("dict(", "dict.")):
                targets = (
                    node.targets if isinstance(node, ast.Assign) else [node.target]
                )
                yield from map(ast.unparse, targets)


def _with_change(statement: ast.stmt, node: ast.AST, changed: ast.AST) -> ast.stmt:
    """A copy of the statement in which `changed` stands for `node`."""
    memo = {id(node): copy.deepcopy(changed)}
    return copy.deepcopy(statement, memo)


def _header(statement: ast.stmt) -> str:
    """A statement in one line, without the statements in it."""
    shown = copy.copy(statement)
    for name in ("body", "orelse", "decorator_list"):
        if isinstance(getattr(shown, name, None), list):
            setattr(shown, name, [ast.Pass()] if name == "body" else [])
    text = ast.unparse(ast.fix_missing_locations(shown))
    return " ".join(text.removesuffix("pass").split())


class Trial:
    """A copy of the package and its tests, in which one mutant at a time is tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=_COMPILED)
            else:
                shutil.copy2(source, folder / name)
        self.users = _users(folder / PACKAGE)

    def passes(self, tests: Sequence[str], limit: float) -> bool:
        """Whether all tests pass within the limit. A crash or a hang is a failure."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header"]
        command += ["-p", "no:cacheprovider", "-m", "not ray and not long"]
        paths = [str(self.folder / name) for name in ("pipeline", "tests")]
        process = subprocess.Popen(
            [*command, *tests],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(paths),
                "PYTHONDONTWRITEBYTECODE": "1",
                "NUMBA_BOUNDSCHECK": "1",
                "HYPOTHESIS_STORAGE_DIRECTORY": str(self.folder / "hypothesis"),
            },
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            said, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return False
        if process.returncode in (4, 5):  # pytest found no such test
            raise SystemExit(said.decode("utf-8", "replace"))
        return process.returncode == 0

    def survives(self, mutant: Mutant, tests: Sequence[str], limit: float) -> bool:
        """Whether the tests pass with the mutant in its module's place."""
        path = self.folder / PACKAGE / mutant.module
        # numba would run the kernels that others have compiled in, unchanged.
        compiled = [
            cached
            for user in self.users[mutant.module]
            for cached in _compiled(self.folder / PACKAGE / user)
        ]
        kept = self.folder / "kept"
        for number, cached in enumerate(compiled):
            kept.mkdir(exist_ok=True)
            shutil.move(cached, kept / str(number))
        path.write_text(mutant.source, "utf-8")
        try:
            return self.passes(tests, limit)
        finally:
            shutil.copy2(ROOT / PACKAGE / mutant.module, path)
            for user in self.users[mutant.module]:
                for cached in _compiled(self.folder / PACKAGE / user):
                    cached.unlink()
            for number, cached in enumerate(compiled):
                shutil.move(kept / str(number), cached)


def _compiled(module: Path) -> list[Path]:
    return sorted(module.parent.glob(f"__pycache__/{module.stem}.*.nb[ic]"))


def _users(package: Path) -> dict[str, set[str]]:
    """By module: itself, and all that import it or a module that does."""
    imports: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        found = imports.setdefault(str(path.relative_to(package)), set())
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                for name in (node.module, *names):
                    place = name.removeprefix("tamis.").replace(".", "/")
                    found.add(f"{place}.py")
    users: dict[str, set[str]] = {}
    for module in imports:
        users[module] = {module}
        while more := {
            user
            for user, used in imports.items()
            if used & users[module] and user not in users[module]
        }:
            users[module] |= more
    return users


def tests_of(module: str) -> list[str]:
    """The test files of a module, relative to the repository."""
    place = Path(module)
    own = (ROOT / "tests" / place.parent).glob(f"test_{place.stem}*.py")
    also = [ROOT / "tests" / name for name in ALSO.get(module, ())]
    found = [str(path.relative_to(ROOT)) for path in (*sorted(own), *also)]
    if not found:
        raise SystemExit(f"{module} has no tests")
    return found


def equivalents() -> dict[str, str]:
    """Why some mutants change nothing, by key: a line each, its reason on the next."""
    lines = [
        line
        for line in EQUIVALENT.read_text("utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    return dict(zip(lines[::2], map(str.strip, lines[1::2]), strict=True))


def drawn(paths: Sequence[str], count: int, seed: int) -> list[Mutant]:
    """So many mutants at random, of the modules that the patterns name."""
    package = ROOT / PACKAGE
    modules = sorted(str(path.relative_to(package)) for path in package.rglob("*.py"))
    candidates = [
        mutant
        for module in modules
        if any(fnmatch.fnmatch(module, pattern) for pattern in paths)
        for mutant in mutants_of(module, (package / module).read_text("utf-8"))
    ]
    print(f"{len(candidates):,} mutants in {len({m.module for m in candidates})} files")
    chosen = random.Random(seed).sample(candidates, min(count, len(candidates)))
    return sorted(chosen, key=lambda mutant: (mutant.module, mutant.line))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument(
        "--seconds", type=float, default=60, help="least limit of a mutant's tests"
    )
    arguments.add_argument("--workers", type=int, default=2)
    arguments.add_argument("--paths", nargs="+", default=PATHS)
    given = arguments.parse_args()
    start = time.time()
    mutants = drawn(given.paths, given.count, given.seed)
    with tempfile.TemporaryDirectory(prefix="tamis-mutants-") as folder:
        trials: Queue[Trial] = Queue()
        for number in range(given.workers):
            trials.put(Trial(Path(folder) / str(number)))
        limits = _limits(trials, sorted({m.module for m in mutants}), given.seconds)

        def survives(mutant: Mutant) -> bool:
            trial = trials.get()
            try:
                found = trial.survives(
                    mutant, tests_of(mutant.module), limits[mutant.module]
                )
            finally:
                trials.put(trial)
            print("survived" if found else "killed  ", mutant.key, flush=True)
            return found

        with ThreadPoolExecutor(given.workers) as pool:
            results = list(pool.map(survives, mutants))
    return _report(mutants, results, time.time() - start)


def _limits(
    trials: "Queue[Trial]", modules: Sequence[str], least: float
) -> dict[str, float]:
    """Seconds for each module's tests: four times what they need without a change.

    Every trial runs them all, so that each has compiled its kernels by then.
    """
    slowest: Counter[str] = Counter()
    failing: set[str] = set()
    copies = [trials.get() for _ in range(trials.qsize())]

    def measure(trial: Trial) -> None:
        for module in modules:
            begun = time.time()
            if not trial.passes(tests_of(module), 3600):
                failing.add(module)
            seconds = time.time() - begun
            slowest[module] = max(slowest[module], seconds)
            print(
                f"{seconds:6.1f} s  {module}: {' '.join(tests_of(module))}", flush=True
            )

    with ThreadPoolExecutor(len(copies)) as pool:
        list(pool.map(measure, copies))
    if failing:
        names = ", ".join(sorted(failing))
        raise SystemExit(f"their tests fail without any change: {names}")
    for trial in copies:
        trials.put(trial)
    return {module: max(least, 4 * slowest[module]) for module in modules}


def _report(mutants: Sequence[Mutant], results: Sequence[bool], seconds: float) -> int:
    known = equivalents()
    alive = [m for m, survived in zip(mutants, results, strict=True) if survived]
    equivalent = [mutant for mutant in alive if mutant.key in known]
    survived = [mutant for mutant in alive if mutant.key not in known]
    for title, listed in (("equivalent", equivalent), ("survived", survived)):
        for mutant in listed:
            print(f"{title}: {PACKAGE / mutant.module}:{mutant.line} {mutant.function}")
            print(f"    {mutant.before}\n    -> {mutant.after}")
            if mutant.key in known:
                print(f"    {known[mutant.key]}")
    print(
        f"{len(mutants)} drawn, {len(mutants) - len(alive)} killed, {len(survived)} "
        f"survived, {len(equivalent)} equivalent, in {seconds / 60:.0f} minutes"
    )
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main())
