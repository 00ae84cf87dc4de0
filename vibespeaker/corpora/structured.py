"""Tables whose fields have types: JSON, Parquet and Excel workbooks, as records of text with a header first."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vibespeaker.corpora.cells import as_text
from vibespeaker.corpora.records import Record
from vibespeaker.corpora.text_files import normal, read_text
from vibespeaker.corpora.workbooks import workbook_records
from vibespeaker.errors import CorpusError
from vibespeaker.files.parquet import open_parquet, undamaged

_OTHER_OFFICES = (".xls", ".xlsb", ".ods", ".numbers")


def structured_records(path: Path, sheet: str | None, remarks: list[str]) -> Iterator[Record] | None:
    """Return the records of a typed table, null for a file whose suffix says that it is text.

    Args:
        path: the file.
        sheet: of a workbook; null for the first.
        remarks: what is worth knowing of how it was read is added here.

    Raises:
        CorpusError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in (".xlsx", ".xlsm"):
        return workbook_records(path, sheet, remarks)
    if suffix in _OTHER_OFFICES:
        raise CorpusError(f"{path} cannot be read", found=suffix, remedy="save the table as .xlsx, or as CSV in UTF-8")
    if sheet is not None:
        raise CorpusError(f"{path} has no sheets", found=f"option sheet: {sheet}", allowed="a workbook (.xlsx)")
    if suffix == ".parquet":
        return _parquet_records(path)
    if suffix in (".json", ".jsonl"):
        return _json_records(path, remarks)
    return None


def _parquet_records(path: Path) -> Iterator[Record]:
    file = open_parquet(path, CorpusError, "table")

    def records() -> Iterator[Record]:
        # the header is no row of the file
        yield Record(0, tuple(normal(name.strip()) for name in file.schema_arrow.names))
        number = 0
        with file, undamaged(path, CorpusError):
            for batch in file.iter_batches():
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield Record(number, tuple(as_text(value) for value in values))

    return records()


def _json_records(path: Path, remarks: list[str]) -> Iterator[Record]:
    """Return the records of a list of objects, of an object of objects, or of lines that are objects."""
    text = read_text(path)
    remarks += [text.remark] if text.remark else []
    entries = _entries(path, text.content)
    columns: dict[str, None] = {}
    for entry in entries:
        if isinstance(entry, dict):
            columns.update(dict.fromkeys(entry))

    def records() -> Iterator[Record]:
        yield Record(0, tuple(normal(name.strip()) for name in columns))
        for number, entry in enumerate(entries, 1):
            problem = _mistake(entry)
            fields = () if problem else tuple(as_text(entry.get(name)) for name in columns)
            yield Record(number, fields, problem)

    return records()


def _entries(path: Path, text: str) -> list[Any]:
    if path.suffix.lower() == ".jsonl":
        lines = [line for line in text.splitlines() if line.strip()]
        return [_parse(line, lambda error: {"": f"it is no JSON ({error})"}) for line in lines]

    def refuse(error: ValueError) -> Any:
        raise CorpusError(f"{path} cannot be read as JSON", found=error) from error

    found = _parse(text, refuse)
    if isinstance(found, dict) and found and all(isinstance(entry, dict) for entry in found.values()):
        return list(found.values())
    if not isinstance(found, list):
        raise CorpusError(f"{path} holds no table", found=type(found).__name__, allowed="a list of objects")
    return found


def _parse(text: str, otherwise: Callable[[ValueError], Any]) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        return otherwise(ValueError("it is nested too deeply"))
    except ValueError as error:
        return otherwise(error)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"an object names {next(name for name in names if names.count(name) > 1)!r} twice")
    return found


def _mistake(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return f"it is no object, but {str(entry)[:40]!r}"
    if "" in entry:
        return str(entry[""])
    nested = next((name for name, value in entry.items() if isinstance(value, (dict, list))), None)
    return None if nested is None else f"{nested} holds no single value"


def read_json_objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the entries of a JSON object whose values are objects.

    Raises:
        CorpusError: the file is no JSON, no object, or an entry is none.
    """

    def refuse(error: ValueError) -> Any:
        raise CorpusError(f"{path} cannot be read as JSON", found=error) from error

    entries = _parse(read_text(path).content, refuse)
    if not isinstance(entries, dict):
        raise CorpusError(f"{path} holds no JSON object", found=type(entries).__name__)
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            raise CorpusError(f"{path}: the entry of {name} is no object", found=str(entry)[:80])
        yield name, entry
