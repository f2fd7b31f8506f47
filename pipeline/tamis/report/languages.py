"""Pages identified and kept in each language: exact, from run.json only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tamis.language.codes import language_name
from tamis.tally import RunSummary


@dataclass(frozen=True)
class LanguageRow:
    """One language. `identified`: documents when the language was identified; None if
    no stage did that. `documents` are those of the mix, `rows` count repeats. `wanted` is
    the share it should have; `reason` says why it has another."""

    code: str
    name: str
    identified: int | None
    documents: int
    rows: int
    characters: int
    tokens: int
    epochs: float
    share: float
    wanted: float
    reason: str | None

    @property
    def kept(self) -> float | None:
        """Share of the identified documents that is in the mix, 0 to 1."""
        return self.documents / self.identified if self.identified else None


def language_rows(run_summary: RunSummary) -> list[LanguageRow]:
    """Languages of the mix by share, then the others by documents."""
    identified = run_summary.get("columns", {}).get("language", {})
    mixed = mix_tally(run_summary).get("languages", {})
    rows = []
    for code in {*identified, *mixed}:
        about = mixed.get(code, {})
        rows.append(
            LanguageRow(
                code=code,
                name=language_name(code),
                identified=identified.get(code, 0) if identified else None,
                documents=about.get("documents", 0),
                rows=about.get("rows", 0),
                characters=about.get("characters", 0),
                tokens=about.get("tokens", 0),
                epochs=about.get("epochs", 0.0),
                share=about.get("got", {}).get("share", 0.0),
                wanted=about.get("wanted", {}).get("share", 0.0),
                reason=about.get("reason"),
            )
        )
    return sorted(rows, key=lambda row: (-row.share, -(row.identified or 0), row.code))


def mix_tally(run_summary: RunSummary) -> Mapping[str, Any]:
    """The counts of mix_corpus; empty if no mix was made."""
    for tally in run_summary.get("barriers", {}).values():
        if "languages" in tally:
            found: Mapping[str, Any] = tally
            return found
    return {}
