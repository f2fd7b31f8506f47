"""What each language brought and what is left of it: from run.json alone, exact."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tamis.language.codes import language_name


@dataclass(frozen=True)
class LanguageRow:
    """One language. `identified`: documents when the language was told; null where
    no stage tells it. `documents` are those of the mix, `rows` count repeats."""

    code: str
    name: str
    identified: int | None
    documents: int
    rows: int
    characters: int
    tokens: int
    epochs: float
    share: float

    @property
    def kept(self) -> float | None:
        """Part of the identified documents that the mix holds, 0 to 1."""
        return self.documents / self.identified if self.identified else None


def language_rows(book: Mapping[str, Any]) -> list[LanguageRow]:
    """Languages of the mix by share, then those that did not reach it by documents."""
    identified = book.get("columns", {}).get("language", {})
    mixed = mix_tally(book).get("languages", {})
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
                share=about.get("share", 0.0),
            )
        )
    return sorted(rows, key=lambda row: (-row.share, -(row.identified or 0), row.code))


def mix_tally(book: Mapping[str, Any]) -> Mapping[str, Any]:
    """What mix_corpus counted; empty where no mix was made."""
    for tally in book.get("barriers", {}).values():
        if "languages" in tally:
            found: Mapping[str, Any] = tally
            return found
    return {}
