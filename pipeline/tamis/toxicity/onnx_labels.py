"""A text classifier in ONNX, with its tokenizer: labels and probabilities.

A local folder in the layout of model hubs:
    model.onnx      input: token numbers (mask and token types too, if it wants them);
                    output: a logit for each label; weights may be in model.onnx_data
    tokenizer.json  of the package tokenizers
    config.json     id2label; problem_type, if labels do not exclude each other;
                    pad_token_id

The runtime is optional, and imported when a model is opened.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tamis.errors import ConfigError
from tamis.panics import panics_are_errors

Device = Literal["cpu", "cuda"]

FILES = ("model.onnx", "tokenizer.json", "config.json")
WEIGHTS = ("model.onnx_data", "model.onnx.data")  # files of a large model's weights

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_ERRORS_ONLY = 3
# What onnxruntime raises for an input that the model's graph has no place for.
_REFUSALS = ("InvalidArgument", "InvalidGraph", "RuntimeException", "Fail")


class OnnxLabels:
    """An open model. Raises ConfigError if the runtime or the device is missing,
    OSError for a missing file, ValueError for a file with the wrong content.
    """

    def __init__(self, folder: str, *, device: Device, max_tokens: int) -> None:
        written = (Path(folder) / "config.json").read_bytes()
        with _as_value_error("config.json"):
            config = json.loads(written)
        self.labels = _labels_of(config)
        self._is_exclusive = _is_exclusive(config, self.labels)
        self._padding = _padding_of(config)
        self._tokenizer = _tokenizer(Path(folder) / "tokenizer.json", max_tokens)
        self._session = _session(Path(folder) / "model.onnx", device)
        self._inputs = {
            value.name: np.dtype(np.int32 if "int32" in value.type else np.int64)
            for value in self._session.get_inputs()
        }
        with _as_value_error("model.onnx"):
            shape = self._logits([self._tokens("a")]).shape
        if shape != (1, len(self.labels)):
            raise ValueError(
                f"config.json names {len(self.labels)} labels, but the model's answer"
                f" has the shape {shape}"
            )

    def chances(
        self, texts: Sequence[str], labels: Collection[str], *, at_once: int
    ) -> NDArray[np.float64]:
        """Probability of each text that its label is one of `labels`, in [0, 1].

        For labels that do not exclude each other, it is that of the likeliest one. With
        `at_once` above 1, the last digits may depend on the other texts. NaN for a text at
        which the tokenizer or the model fails.
        """
        wanted = [place for place, label in enumerate(self.labels) if label in labels]
        tokens = [self._tokens_or_none(text) for text in texts]
        rows = [row for row, own in enumerate(tokens) if own is not None]
        found = np.full(len(texts), np.nan)
        for first in range(0, len(rows), at_once):
            some = rows[first : first + at_once]
            found[some] = self._chances_or_nan(
                [own for row in some if (own := tokens[row]) is not None], wanted
            )
        return found

    def _tokens_or_none(self, text: str) -> list[int] | None:
        try:
            with panics_are_errors():
                return self._tokens(text)
        except Exception:  # the library raises the bare class
            return None

    def _chances_or_nan(
        self, tokens: list[list[int]], wanted: list[int]
    ) -> NDArray[np.float64]:
        """Only what the model refuses is NaN, not what it has no memory for."""
        try:
            return self._chances_of(self._logits(tokens), wanted)
        except Exception as error:  # the library's classes have no common base
            if type(error).__name__ not in _REFUSALS:
                raise
        if len(tokens) == 1:
            return np.array([np.nan])
        return np.concatenate([self._chances_or_nan([own], wanted) for own in tokens])

    def _chances_of(
        self, logits: NDArray[np.float64], wanted: list[int]
    ) -> NDArray[np.float64]:
        from tamis.linear.model import probabilities

        if not self._is_exclusive:
            return np.asarray(probabilities(logits)[:, wanted].max(axis=1))
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers[:, wanted].sum(axis=1) / powers.sum(axis=1))

    def _tokens(self, text: str) -> list[int]:
        numbers: list[int] = self._tokenizer.encode(text).ids
        return numbers

    def _logits(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Logits (texts, labels). Shorter texts are padded, and the mask says where."""
        shape = len(tokens), max(1, *map(len, tokens))
        ids, mask = np.full(shape, self._padding), np.zeros(shape, int)
        for row, numbers in enumerate(tokens):
            ids[row, : len(numbers)] = numbers
            mask[row, : len(numbers)] = 1
        known = {"input_ids": ids, "attention_mask": mask, "token_type_ids": 0 * ids}
        unknown = sorted(set(self._inputs) - set(known))
        if unknown:
            raise ValueError(
                f"the model asks for {', '.join(unknown)}, not only for"
                f" {', '.join(known)}"
            )
        fed = {name: known[name].astype(type_) for name, type_ in self._inputs.items()}
        answers = self._session.run(None, fed)
        return np.asarray(answers[0], np.float64)


def _labels_of(config: Any) -> tuple[str, ...]:
    named = config.get("id2label") if isinstance(config, dict) else None
    if not isinstance(named, dict) or not named:
        raise ValueError("config.json: no id2label in it")
    return tuple(str(named[key]) for key in sorted(named, key=int))


def _padding_of(config: dict[str, Any]) -> int:
    found = config.get("pad_token_id")
    if found is None:
        return 0
    if not isinstance(found, int) or found < 0:
        raise ValueError(f"config.json: a pad_token_id of {found!r}")
    return found


def _is_exclusive(config: dict[str, Any], labels: Sequence[str]) -> bool:
    return (
        len(labels) > 1 and config.get("problem_type") != "multi_label_classification"
    )


def _tokenizer(path: Path, max_tokens: int) -> Any:
    from tokenizers import Tokenizer  # imported only by recipes that need it

    path.open("rb").close()  # the library's own error does not name a missing file
    with _as_value_error("tokenizer.json"):
        tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _session(path: Path, device: Device) -> Any:
    if find_spec("onnxruntime") is None:
        raise ConfigError(f"{path} needs onnxruntime: pip install 'tamis[onnx]'")
    runtime = import_module("onnxruntime")
    provider = _PROVIDERS[device]
    if provider not in runtime.get_available_providers():
        raise ConfigError(
            f"device: {device}: the installed onnxruntime has no {provider};"
            " install onnxruntime-gpu in its place"
        )
    options = runtime.SessionOptions()
    # A task has one core; and sums in another order would give other last digits.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = _ERRORS_ONLY
    path.open("rb").close()
    with _as_value_error("model.onnx"):
        session = runtime.InferenceSession(str(path), options, providers=[provider])
    if session.get_providers()[0] != provider:  # it falls back silently
        raise ConfigError(f"device: {device}: {provider} could not be started")
    return session


@contextmanager
def _as_value_error(name: str) -> Iterator[None]:
    """Catches `Exception`: both libraries' errors have no narrower base class."""
    try:
        with panics_are_errors():
            yield
    except Exception as error:
        raise ValueError(f"{name}: {error}") from error
