"""Files changed at random: bytes of any, values and names of those that have a structure.

A mutation takes the content of a file and a generator of random numbers, and returns other content, so that the same
generator makes the same file: `mutated` repeats them by seed, the property tests let Hypothesis choose.
"""

import io
import json
import math
import random
from collections.abc import Callable, Mapping
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

#: Values that no place expects.
HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**9, 10**30, 1.5, math.nan, math.inf, -math.inf, "", "x", "nan", "../x", "os.system"),
    *("=1+1", "\n", "a" * 5000, [], [None], {}, {"class_path": "os.system"}, b"\xff"),
)


def bytes_changed(content: bytes, draw: random.Random) -> bytes:
    """Return content with bits flipped, or a piece overwritten, cut out, doubled or put in; or cut short."""
    if not content:
        return b"\0"
    start = draw.randrange(len(content))
    end = min(len(content), start + draw.choice((1, 2, 16, 200)))
    piece = content[start:end]
    noise = draw.randbytes(end - start)
    flipped = bytes((content[start] ^ (1 << draw.randrange(8)),)) + content[start + 1 : end]
    made = draw.choice((flipped, noise, bytes(end - start), b"", piece * 2, noise + piece))
    return draw.choice((content[:start] + made + content[end:], content[:start], content[:start] + made))


def tree_changed(tree: Any, draw: random.Random) -> Any:
    """Return a tree of mappings and lists with one value replaced, a key taken out, or one put in."""
    places = list(_places(tree))
    if not places:
        return draw.choice(HOSTILE)
    where, key = draw.choice(places)
    way = draw.choice(("replace", "replace", "remove", "add"))
    return _changed(tree, where, key, way, draw.choice(HOSTILE))


def json_changed(content: bytes, draw: random.Random) -> bytes:
    """Return JSON of a changed tree."""
    return json.dumps(tree_changed(json.loads(content), draw), default=repr).encode()


def yaml_changed(content: bytes, draw: random.Random) -> bytes:
    """Return YAML of a changed tree."""
    import yaml

    return yaml.safe_dump(tree_changed(yaml.safe_load(content), draw), sort_keys=False).encode()


def parquet_changed(content: bytes, draw: random.Random) -> bytes:
    """Return a table with a column gone, of another type or with a hostile value, with other rows or metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    metadata = dict(table.schema.metadata or {})
    way = draw.choice(("drop", "retype", "values", "values", "double", "none", "metadata", "metadata"))
    number = draw.randrange(table.num_columns)
    name = table.column_names[number]
    if way == "drop":
        table = table.drop_columns([name])
    elif way in ("retype", "values"):
        table = table.set_column(number, name, _column(table.column(number), way, draw))
    elif way == "double":
        table = pa.concat_tables([table, table.slice(0, 1)])
    elif way == "none":
        table = table.slice(0, 0)
    elif metadata:
        key = draw.choice(sorted(metadata))
        try:
            metadata[key] = json_changed(metadata[key], draw)
        except ValueError:
            metadata[key] = bytes_changed(metadata[key], draw)
    written = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), written)
    return written.getvalue()


def checkpoint_changed(content: bytes, draw: random.Random) -> bytes:
    """Return a checkpoint whose tree has changed anywhere but within its weights' bytes."""
    import torch

    tree = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    part = draw.choice(sorted(key for key in tree if isinstance(tree[key], Mapping)))
    changed = draw.choice(({**tree, part: tree_changed(tree[part], draw)}, tree_changed(tree, draw)))
    written = io.BytesIO()
    torch.save(changed, written)
    return written.getvalue()


def _places(tree: Any) -> Any:
    """Yield (container's place, key) of everything in a tree; a place is the keys that lead there."""
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), tree)]
    while waiting:
        where, found = waiting.pop()
        keys = list(found) if isinstance(found, Mapping) else range(len(found)) if isinstance(found, list) else ()
        for key in keys:
            yield where, key
            waiting.append(((*where, key), found[key]))


def _changed(tree: Any, where: tuple[Any, ...], key: Any, way: str, value: Any) -> Any:
    if where:
        inner = _changed(tree[where[0]], where[1:], key, way, value)
        return _with(tree, where[0], inner)
    if way == "remove":
        rest = [one for one in _keys(tree) if one != key]
        return {one: tree[one] for one in rest} if isinstance(tree, Mapping) else [tree[one] for one in rest]
    if way == "add":
        return {**tree, "added": value} if isinstance(tree, Mapping) else [*tree, value]
    return _with(tree, key, value)


def _keys(tree: Any) -> list[Any]:
    return list(tree) if isinstance(tree, Mapping) else list(range(len(tree)))


def _with(tree: Any, key: Any, value: Any) -> Any:
    if isinstance(tree, Mapping):
        return {**tree, key: value}
    return [value if number == key else one for number, one in enumerate(tree)]


def _column(column: Any, way: str, draw: random.Random) -> Any:
    import pyarrow as pa

    count = len(column)
    if way == "retype":
        return draw.choice((pa.nulls(count), pa.array(["x"] * count), pa.array([1.5] * count), pa.array([[1]] * count)))
    values = column.to_pylist()
    if not values:
        return column
    hostile = draw.choice(
        (None, math.nan, math.inf, -5.0, 99.0, -1, 2**31 - 1, "", "../x", "=1", "a" * 5000, values[-1])
    )
    values[draw.randrange(count)] = hostile
    try:
        return pa.array(values, column.type)
    except (pa.ArrowException, TypeError, OverflowError, ValueError):
        return pa.array([None] * count, column.type)


#: Kind of file → what changes its structure; bytes of every kind are changed, too.
STRUCTURED: dict[str, Mutation] = {
    "json": json_changed,
    "yaml": yaml_changed,
    "parquet": parquet_changed,
    "checkpoint": checkpoint_changed,
}


def mutate(content: bytes, kind: str, draw: random.Random) -> bytes:
    """Return changed content of a file.

    Args:
        content: of the whole file.
        kind: one of `STRUCTURED`, or another, whose bytes alone are changed.
        draw: decides everything.
    """
    structured = STRUCTURED.get(kind)
    if structured is None or draw.random() < 0.4:
        return bytes_changed(content, draw)
    return structured(content, draw)
