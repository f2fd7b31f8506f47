"""The settings of `select:` in read_warc."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator

from tamis.addresses import without_secrets
from tamis.language.codes import canonical_language
from tamis.sizes import ByteSize


class Select(BaseModel):
    """All conditions must hold; empty ones do not count. Only status 200 is fetched.

    index          Parquet files with the columns of CommonCrawl's columnar index, or
                   CDXJ: paths and globs as for `input`; a whole crawl's is
                   cc://CC-MAIN-YYYY-WW?kind=cc-index-table
    languages      ISO 639-3; the page's first language by the index (CLD2's opinion)
    domains        registered domains: example.co.uk
    tlds           last labels of the host: fr
    mime           types that the crawler detected
    where          a condition in SQL (DuckDB's) over the index's columns
    max_gap_bytes  places at most so far apart may be fetched with the bytes between
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: str | tuple[str, ...]
    languages: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    tlds: tuple[str, ...] = ()
    mime: tuple[str, ...] = ("text/html", "application/xhtml+xml")
    where: str | None = None
    max_gap_bytes: Annotated[ByteSize, Field(le=1 << 30)] = 1 << 20

    @field_validator("languages")
    @classmethod
    def _canonical(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(canonical_language, languages))

    @field_validator("where")
    @classmethod
    def _is_one_condition(cls, where: str | None) -> str | None:
        if where is None:
            return None
        if not where.strip():
            raise ValueError("an empty condition in SQL: leave it out")
        import duckdb  # 0.2 s, only for recipes with a condition

        try:
            statements = duckdb.extract_statements(condition(where))
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{where!r} is no condition in SQL: {reason}") from error
        if len(statements) != 1:
            raise ValueError(f"{where!r} is more than one condition in SQL")
        return where

    @field_serializer("index", when_used="json")
    def _without_secrets(self, index: str | tuple[str, ...]) -> str | list[str]:
        """The index for run.json and fingerprints: addresses without signatures."""
        if isinstance(index, str):
            return without_secrets(index)
        return [without_secrets(path) for path in index]

    @property
    def indexes(self) -> tuple[str, ...]:
        return (self.index,) if isinstance(self.index, str) else self.index


def condition(where: str) -> str:
    """A query that is well-formed if `where` is one condition."""
    return f"SELECT 1 WHERE (\n{where}\n)"
