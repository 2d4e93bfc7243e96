"""An answer of the SQL console as files to take along, and as what a chart can show. Pure."""

import io

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet


def as_csv(rows: pa.Table) -> bytes:
    """With names in the first line. What CSV has no way to write stands as text: lists and structs, bytes as a size."""
    out = io.BytesIO()
    pyarrow.csv.write_csv(_plain(rows), out)
    return out.getvalue()


def as_parquet(rows: pa.Table) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(rows, out, compression="zstd")
    return out.getvalue()


def drawable(rows: pa.Table) -> pa.Table:
    """Decimals as floats: exact to the nano-dollar is more than a pixel shows."""
    kept = [
        rows.column(at).cast(pa.float64()) if pa.types.is_decimal(field.type) else rows.column(at)
        for at, field in enumerate(rows.schema)
    ]
    return pa.table(kept, names=rows.column_names)


def numbers(rows: pa.Table) -> list[str]:
    """The columns that can stand on a vertical axis."""
    return [
        field.name
        for field in rows.schema
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
    ]


def _plain(rows: pa.Table) -> pa.Table:
    kept = [_text(rows.column(at)) if _foreign(field.type) else rows.column(at) for at, field in enumerate(rows.schema)]
    return pa.table(kept, names=rows.column_names)


def _foreign(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _text(column: pa.ChunkedArray) -> pa.Array:
    said = [
        f"<{len(one)} bytes>" if isinstance(one, bytes) else None if one is None else str(one)
        for one in column.to_pylist()
    ]
    return pa.array(said, pa.string())
