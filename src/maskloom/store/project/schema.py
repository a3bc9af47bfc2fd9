"""What the database of a project holds: the tables, as SQLAlchemy Core metadata.

Every change of a label, of the taxonomy or of a review takes the next number of `project.seq` in
its own transaction, so the state at sequence N is what carries a number up to N. Nothing is
overwritten but `head`, which says where each sample stands now. Tables are made and changed by
`migrations/`; connections and transactions are `database.py`.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Json(TypeDecorator[Any]):
    """Plain JSON as canonical text, NULL for None.

    Text and not the database's own JSON: both databases then give back the same value, NaN and
    NUL included, which PostgreSQL's JSON refuses.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """The value as sorted, compact ASCII."""
        return None if value is None else json.dumps(value, sort_keys=True, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """The value again."""
        return None if value is None else json.loads(value)


# A 64-bit key is the row itself in SQLite, if it is called INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")
# Sorted by bytes in either database, whatever the locale of the server.
Name = Text().with_variant(Text(collation="C"), "postgresql")

project = Table(
    "project",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("uuid", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("created", Text, nullable=False),
    CheckConstraint("id = 1", name="one"),
)

sample = Table(
    "sample",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", Name, nullable=False, unique=True),
    Column("file_name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("uri", Text),
    Column("sha256", Text),
    Column("height", Integer),
    Column("width", Integer),
    Column("depth", Integer),
    Column("channels", Json),
    Column("spacing", Json),
    Column("grp", Text),
    Column("sequence", Text),
    Column("idx", BigInteger),
    Column("time_s", Float),
    Column("tags", Json),
    Column("extra", Json),
    Column("added", Text, nullable=False),
)

split = Table(
    "split",
    metadata,
    Column("name", Name, nullable=False),
    Column("sample_id", Id, ForeignKey("sample.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    PrimaryKeyConstraint("name", "position"),
    UniqueConstraint("sample_id", "name", "since"),
    sqlite_with_rowid=False,
)

layer = Table(
    "layer",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    Column("form", Text, nullable=False),
    Column("immutable", Boolean, nullable=False),
    Column("created", Text, nullable=False),
    CheckConstraint("form IN ('rows', 'map')", name="form"),
)

part = Table(
    "part",
    metadata,
    Column("id", Id, primary_key=True),
    Column("layer_id", Id, ForeignKey("layer.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("rows", BigInteger, nullable=False),
)

entry = Table(
    "entry",
    metadata,
    Column("layer_id", Id, ForeignKey("layer.id"), nullable=False),
    Column("sample_id", Id, ForeignKey("sample.id"), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("part_id", Id, ForeignKey("part.id")),
    Column("first", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("blob", Text),
    Column("confidence", Text),
    Column("legend", Json),
    Column("coverage", Json),
    Column("extra", Json),
    PrimaryKeyConstraint("layer_id", "sample_id", "revision"),
    sqlite_with_rowid=False,
)

head = Table(
    "head",
    metadata,
    Column("layer_id", Id, ForeignKey("layer.id"), nullable=False),
    Column("sample_id", Id, ForeignKey("sample.id"), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("objects", Integer, nullable=False),
    Column("author", Text, nullable=False),
    Column("updated", Text, nullable=False),
    PrimaryKeyConstraint("layer_id", "sample_id"),
    Index(None, "layer_id", "state", "sample_id"),
    sqlite_with_rowid=False,
)

op = Table(
    "op",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("op_id", Text, nullable=False, unique=True),
    Column("layer_id", Id, ForeignKey("layer.id"), nullable=False),
    Column("sample_id", Id, ForeignKey("sample.id"), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("base", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("created", Text, nullable=False),
    UniqueConstraint("layer_id", "sample_id", "revision"),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("layer_id", Id, ForeignKey("layer.id"), nullable=False),
    Column("sample_id", Id, ForeignKey("sample.id"), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    PrimaryKeyConstraint("layer_id", "sample_id", "revision"),
    sqlite_with_rowid=False,
)

migration = Table(
    "migration",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("payload", Json, nullable=False),
    Column("inverse", Json),
    Column("taxonomy", Json, nullable=False),
    Column("author", Text, nullable=False),
    Column("created", Text, nullable=False),
)

review = Table(
    "review",
    metadata,
    Column("id", Id, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("truth", Text, nullable=False),
    Column("predicted", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("items", Integer, nullable=False),
)

review_item = Table(
    "review_item",
    metadata,
    Column("id", Text, primary_key=True),
    Column("review_id", Id, ForeignKey("review.id"), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("sample_id", Id, ForeignKey("sample.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("category", Text),
    Column("other", Text),
    Column("x0", Integer, nullable=False),
    Column("y0", Integer, nullable=False),
    Column("x1", Integer, nullable=False),
    Column("y1", Integer, nullable=False),
    Column("area", BigInteger, nullable=False),
    Column("score", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("object", Text),
    Column("verdict", Text),
    Column("verdict_seq", BigInteger),
    UniqueConstraint("review_id", "rank"),
    Index(None, "review_id", "verdict", "rank"),
    Index(None, "sample_id"),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("author", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("expires", Text, nullable=False),
    Column("one_time", Boolean, nullable=False),
)
