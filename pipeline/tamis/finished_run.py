"""Open a finished run: its documents, what it dropped, its mix, its summary."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from tamis.addresses import without_secrets
from tamis.documents.of_run import InputTables, inputs_of
from tamis.documents.parts import Part
from tamis.errors import ConfigError
from tamis.pii.regions import regions_of_row
from tamis.report.funnel import funnel_rows
from tamis.report.members import Member, Members, members_with
from tamis.report.reading import mix_shards, rows_with
from tamis.runner.places import Places
from tamis.runner.recorded import recorded_stages
from tamis.runner.records import write_records
from tamis.runner.replay import masked_for_eyes, text_again
from tamis.stage import Stage
from tamis.stages.read_warc import ReadWarc
from tamis.storage import Storage
from tamis.storage.parquet import parquet_writer, verifying_format
from tamis.tally import SUMMARY, RunSummary
from tamis.work.commits import File

_BATCH_ROWS = 1024
_OF_REASON = ("drop_reason", "drop_stage")
Format = Literal["parquet", "jsonl"]


class Run:
    """The output folder of a finished run; `storage_options` as in a recipe.

    `root` is the folder in which its archives are now, if they have moved; `addresses`
    are a recipe's inputs, where one of them has a secret that run.json does not keep.

    Raises StorageError if no run has finished there.
    """

    def __init__(
        self,
        output: str | Path,
        storage_options: Mapping[str, Any] | None = None,
        *,
        trusted_stages: Iterable[str] = (),
        stages: tuple[Stage, ...] | None = None,
        root: str | Path | None = None,
        addresses: Sequence[str] = (),
    ) -> None:
        self.output = without_secrets(str(output))
        self.storage = Storage(str(output), storage_options)
        self._options = dict(storage_options or {})
        if isinstance(trusted_stages, str):
            trusted_stages = [trusted_stages]
        self._trusted = frozenset(trusted_stages)
        self._stages = stages
        self.summary: RunSummary = self.storage.read_record("run.json", SUMMARY)
        self._inputs = inputs_of(self.storage)
        self._places = Places(self.summary, str(root) if root else None, addresses)

    @property
    def is_complete(self) -> bool:
        """Whether every input was read, so that barriers ran."""
        return self.summary["complete"]

    @property
    def missing(self) -> dict[str, str]:
        """Inputs that could not be read, and why."""
        return self.summary["missing_inputs"]

    @property
    def has_mix(self) -> bool:
        return bool(mix_shards(self.storage))

    def documents(
        self,
        *,
        kept: bool | None = None,
        columns: Sequence[str] | None = None,
        before: str | None = None,
    ) -> pa.RecordBatchReader:
        """The documents of the last save with every signal, batch by batch.

        kept     True: only those that no stage dropped; False: only those that one did
        columns  null for all; `drop_reason` is one
        before   ignore what this stage and those below it decided: with
                 `before="mix_corpus"` a document that the mix did not draw is kept
        """
        schema = self._schema(columns, before)
        return pa.RecordBatchReader.from_batches(
            schema, self._batches(schema, kept=kept, before=before)
        )

    def dropped(self) -> ds.Dataset:
        """Every dropped page, with stage, reason and signals; some have a text."""
        return self._dataset([tables.dropped for tables in self._inputs])

    def mix(self) -> ds.Dataset:
        """The shards of the mix. Raises ConfigError if the run made none."""
        shards = mix_shards(self.storage)
        if not shards:
            raise ConfigError(f"{self.output}: this run has no mix")
        return self._dataset(shards)

    def duplicates(self) -> ds.Dataset:
        """Cluster, size and keeper of each document that deduplicate saw.

        Raises ConfigError if the run did not deduplicate.
        """
        files = [tables.duplicates for tables in self._inputs if tables.duplicates]
        if not files:
            raise ConfigError(f"{self.output}: this run did not deduplicate")
        return self._dataset(files)

    def export(
        self,
        folder: str | Path,
        *,
        kept: bool | None = True,
        columns: Sequence[str] | None = None,
        before: str | None = None,
        format: Format = "parquet",
    ) -> list[Path]:
        """Write the documents into a new local folder, a file for each input.

        Each file appears complete or not at all. Raises ConfigError if the folder has
        files already, so that two exports cannot be mixed up.
        """
        if format not in get_args(Format):
            raise ConfigError(
                f"format: {format!r} is none of {', '.join(get_args(Format))}"
            )
        target = Path(folder)
        if target.exists() and any(target.iterdir()):
            raise ConfigError(f"{target}: there are files already; name a new folder")
        schema = self._schema(columns, before)
        target.mkdir(parents=True, exist_ok=True)
        written = []
        for tables in self._inputs:
            path = target / f"{tables.name}.{format}"
            rows = self._batches_of(tables, schema, kept=kept, before=before)
            partial = path.with_name(f".{path.name}.partial")
            try:
                _write(partial, rows, schema, format=format)
                partial.replace(path)
            except OSError as error:
                raise ConfigError(f"{path}: cannot be written: {error}") from error
            finally:
                partial.unlink(missing_ok=True)
            written.append(path)
        return written

    def text_of(self, row: Mapping[str, Any]) -> str | None:
        """The text of a row of `mix` or `dropped`, personal data masked.

        The text of a dropped document comes from its sample, from the run's last save,
        or from its archive, read again with the run's settings. Null if it has none.
        Raises InputError if the archive cannot be read.
        """
        text: str | None = row.get("text")
        if "reason" not in row:
            return text
        text = (
            text
            or self._saved_text(row)
            or text_again(row, self.stages(), self._places)
        )
        if not text:
            return None
        return masked_for_eyes(text, self.stages(), regions_of_row(row))

    def cluster(self, id: int, limit: int = 10, *, masked: bool = True) -> Members:
        """The cluster of duplicates of a document, with `limit` others at most.

        Personal data in texts is masked unless `masked` is false. Raises ConfigError if
        deduplicate has not seen the document.
        """
        self.duplicates()  # raises a clear error if there are none
        members = members_with(self.storage, self._inputs, id, limit=limit)
        if members is None:
            raise ConfigError(
                f"{self.output}: deduplicate saw no document with the id {id}"
            )
        return self.masked(members) if masked else members

    def masked(self, members: Members) -> Members:
        """The same documents, personal data in their texts masked as the recipe does."""
        stages = self.stages()

        def masked_text_of(one: Member) -> str:
            about = {"language": one.language, "url": one.url}
            return masked_for_eyes(one.text, stages, regions_of_row(about))

        return members.with_texts(masked_text_of)

    def write_warc(self, rows: Iterable[Mapping[str, Any]], path: str | Path) -> int:
        """Write the records of some rows as a WARC file; returns how many.

        Rows may come from any table with provenance. Their archives are read at each
        record's place. Raises InputError if one cannot be read.
        """
        from tamis.remote.opening import Access

        source = next((s for s in self.stages() if isinstance(s, ReadWarc)), None)
        if source is None:
            raise ConfigError(f"{self.output}: its documents are from no archive")
        access = Access(source.storage_options, source.requests_per_second)
        return write_records(rows, Path(path), access, self._places)

    def stages(self) -> tuple[Stage, ...]:
        """The stages of the recipe, with the settings that they had.

        Stages defined in files are loaded only if `trusted_stages` names them, since a
        run may come from elsewhere. Raises ConfigError for any other.
        """
        if self._stages is None:
            self._stages = recorded_stages(self.summary, self._options, self._trusted)
        return self._stages

    def render_report(self) -> str:
        """Write report.html again; returns its path."""
        from tamis.report.page import render_page

        page = render_page(self.summary, self.storage)
        self.storage.write("report.html", page.encode())
        return f"{self.output.rstrip('/')}/report.html"

    def funnel(self) -> pa.Table:
        """One row for each stage: documents in, dropped and out, code points out."""
        return pa.Table.from_pylist(
            [
                {
                    "stage": row.stage,
                    "documents_in": row.documents_in,
                    "dropped": row.documents_in - row.documents_out,
                    "documents_out": row.documents_out,
                    "characters_out": row.characters_out,
                    "reasons": ", ".join(f"{r} {n:,}" for r, n in row.dropped.items()),
                }
                for row in funnel_rows(self.summary)
            ]
        )

    def __repr__(self) -> str:
        state = (
            "complete" if self.is_complete else f"{len(self.missing)} inputs missing"
        )
        count = sum(len(tables.inputs) for tables in self._inputs)
        return f"tamis.Run({self.output!r}): {state}, {count} inputs"

    def _repr_html_(self) -> str:
        from tamis.tables import table_html

        return f"<p>{escape(repr(self))}</p>{table_html(self.funnel())}"

    def _saved_text(self, row: Mapping[str, Any]) -> str | None:
        """The text in the last save, if a barrier or a column filter dropped the document."""
        from tamis.runner.passes.splits import task_name

        name = task_name(self._places.name_of(row["warc_path"]) or "")
        for tables in self._inputs:
            for path in tables.saved if name in tables.inputs else ():
                for saved in rows_with(
                    self.storage, path, [row["id"]], columns=["text"]
                ):
                    text: str | None = saved.get("text")
                    return text
        return None

    def _dataset(self, names: Sequence[str]) -> ds.Dataset:
        """The tables as one. Raises DamagedFile for one whose footer is not its own."""
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(self._file, names))
        paths = [self.storage.path(name) for name in names]
        return ds.dataset(
            paths, filesystem=self.storage.filesystem, format=verifying_format()
        )

    def _schema(self, columns: Sequence[str] | None, before: str | None) -> pa.Schema:
        """The columns asked for, or all. Raises ConfigError, naming an unknown one."""
        if isinstance(columns, str):
            columns = [columns]
        fields: dict[str, pa.Field] = {}
        for tables in self._inputs[:1]:
            part = self._part(tables, before)
            for file in (*part.files[:1], *part.layers):
                with self.storage.table(file.path) as opened:
                    for field in opened.schema:
                        fields.setdefault(field.name, field)
        fields["drop_reason"] = pa.field("drop_reason", pa.string())
        for name in ("drop_stage", "text_cuts"):
            fields.pop(name, None)
        unknown = [name for name in columns or () if name not in fields]
        if unknown:
            raise ConfigError(
                f"{self.output}: no column {unknown[0]!r}; there are {', '.join(fields)}"
            )
        return pa.schema([fields[n] for n in (fields if columns is None else columns)])

    def _batches(
        self, schema: pa.Schema, *, kept: bool | None, before: str | None
    ) -> Iterator[pa.RecordBatch]:
        for tables in self._inputs:
            yield from self._batches_of(tables, schema, kept=kept, before=before)

    def _batches_of(
        self,
        tables: InputTables,
        schema: pa.Schema,
        *,
        kept: bool | None,
        before: str | None,
    ) -> Iterator[pa.RecordBatch]:
        part = self._part(tables, before)
        place = ["warc_path"] if part.has_forgotten else []
        names = list(dict.fromkeys([*schema.names, "drop_reason", *place]))
        for batch in part.batches(self.storage, names, _BATCH_ROWS):
            if place:
                batch = batch.filter(pc.is_valid(batch["warc_path"]))
            is_kept = pc.is_null(batch["drop_reason"])
            if kept is not None:
                batch = batch.filter(is_kept if kept else pc.invert(is_kept))
            if batch.num_rows:
                yield batch.select(schema.names).cast(schema)

    def _part(self, tables: InputTables, before: str | None) -> Part:
        """The saved documents of an input, with the layers that count."""
        try:
            return tables.part(before)
        except ConfigError as error:
            raise ConfigError(f"{self.output}: {error}") from None

    def _file(self, path: str) -> File:
        with self.storage.table(path) as opened:
            rows = opened.metadata.num_rows
        return File(path.partition("/")[0], path, rows, 0)


def _write(
    path: Path,
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    *,
    format: Format,
) -> None:
    if format == "parquet":
        with parquet_writer(path, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return
    import json

    with path.open("w", encoding="utf-8") as file:
        for batch in batches:
            for row in batch.to_pylist():
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
