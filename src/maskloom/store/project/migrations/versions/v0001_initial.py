"""The first tables. What they hold is told in `schema.py`; this file never changes again."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = BigInteger().with_variant(Integer, "sqlite")
_NAME = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    _project()
    _samples()
    _layers()
    _history()
    _reviews()


def _made(name: str, *parts: Any, key: tuple[str, ...], clustered: bool = False) -> None:
    keys = PrimaryKeyConstraint(*key, name=f"pk_{name}")
    op.create_table(name, *parts, keys, sqlite_with_rowid=not clustered)


def _column(name: str, kind: Any = Text, *, null: bool = False, **options: Any) -> Column[Any]:
    return Column(name, kind, nullable=null, **options)


def _to(table: str, name: str, other: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint([name], [f"{other}.id"], name=f"fk_{table}_{name}")


def _unique(table: str, *names: str) -> UniqueConstraint:
    return UniqueConstraint(*names, name=f"uq_{table}_{'_'.join(names)}")


def _project() -> None:
    _made(
        "project",
        _column("id", Integer),
        _column("uuid"),
        _column("name"),
        _column("seq", BigInteger),
        _column("created"),
        CheckConstraint("id = 1", name="ck_project_one"),
        key=("id",),
    )
    _made(
        "session",
        _column("token_hash"),
        _column("author"),
        _column("created"),
        _column("expires"),
        _column("one_time", Boolean),
        key=("token_hash",),
    )
    _made(
        "migration",
        _column("seq", _ID, autoincrement=False),
        _column("kind"),
        _column("payload"),
        _column("inverse", null=True),
        _column("taxonomy"),
        _column("author"),
        _column("created"),
        key=("seq",),
    )


def _samples() -> None:
    optional = {"uri": Text, "sha256": Text, "height": Integer, "width": Integer,
                "depth": Integer, "channels": Text, "spacing": Text, "grp": Text,
                "sequence": Text, "idx": BigInteger, "time_s": Float, "tags": Text,
                "extra": Text}  # fmt: skip
    _made(
        "sample",
        _column("id", _ID),
        _column("key", _NAME),
        _column("file_name"),
        _column("kind"),
        *(_column(name, kind, null=True) for name, kind in optional.items()),
        _column("added"),
        _unique("sample", "key"),
        key=("id",),
    )
    _made(
        "split",
        _column("name", _NAME),
        _column("sample_id", _ID),
        _column("position", Integer),
        _column("since", BigInteger),
        _column("until", BigInteger, null=True),
        _to("split", "sample_id", "sample"),
        _unique("split", "sample_id", "name", "since"),
        key=("name", "position"),
        clustered=True,
    )


def _layers() -> None:
    _made(
        "layer",
        _column("id", _ID),
        _column("name", _NAME),
        _column("form"),
        _column("immutable", Boolean),
        _column("created"),
        _unique("layer", "name"),
        CheckConstraint("form IN ('rows', 'map')", name="ck_layer_form"),
        key=("id",),
    )
    _made(
        "part",
        _column("id", _ID),
        _column("layer_id", _ID),
        _column("seq", BigInteger),
        _column("path"),
        _column("rows", BigInteger),
        _to("part", "layer_id", "layer"),
        _unique("part", "path"),
        key=("id",),
    )
    _made(
        "entry",
        *_place("entry"),
        _column("seq", BigInteger),
        _column("part_id", _ID, null=True),
        _column("first", BigInteger),
        _column("count", BigInteger),
        *(_column(n, null=True) for n in ("blob", "confidence", "legend", "coverage", "extra")),
        _to("entry", "part_id", "part"),
        key=("layer_id", "sample_id", "revision"),
        clustered=True,
    )


def _place(table: str) -> list[Any]:
    """Which revision of which sample in which layer."""
    return [
        _column("layer_id", _ID),
        _column("sample_id", _ID),
        _column("revision", BigInteger),
        _to(table, "layer_id", "layer"),
        _to(table, "sample_id", "sample"),
    ]


def _history() -> None:
    _made(
        "head",
        *_place("head"),
        _column("seq", BigInteger),
        _column("state"),
        _column("objects", Integer),
        _column("author"),
        _column("updated"),
        key=("layer_id", "sample_id"),
        clustered=True,
    )
    names = ["layer_id", "state", "sample_id"]
    op.create_index("ix_head_layer_id_state_sample_id", "head", names)
    _made(
        "op",
        _column("seq", _ID, autoincrement=False),
        _column("op_id"),
        *_place("op"),
        _column("base", BigInteger),
        *map(_column, ("author", "kind", "payload", "created")),
        _unique("op", "op_id"),
        _unique("op", "layer_id", "sample_id", "revision"),
        key=("seq",),
    )
    _made(
        "checkpoint",
        *_place("checkpoint"),
        _column("sha256"),
        key=("layer_id", "sample_id", "revision"),
        clustered=True,
    )


def _reviews() -> None:
    _made(
        "review",
        _column("id", _ID),
        _column("seq", BigInteger),
        *map(_column, ("truth", "predicted", "created")),
        _column("items", Integer),
        key=("id",),
    )
    _made(
        "review_item",
        _column("id"),
        _column("review_id", _ID),
        _column("rank", Integer),
        _column("sample_id", _ID),
        _column("kind"),
        *(_column(name, null=True) for name in ("category", "other")),
        *(_column(name, Integer) for name in ("x0", "y0", "x1", "y1")),
        _column("area", BigInteger),
        _column("score", Float),
        _column("reason"),
        *(_column(name, null=True) for name in ("object", "verdict")),
        _column("verdict_seq", BigInteger, null=True),
        _to("review_item", "review_id", "review"),
        _to("review_item", "sample_id", "sample"),
        _unique("review_item", "review_id", "rank"),
        key=("id",),
    )
    op.create_index(
        "ix_review_item_review_id_verdict_rank", "review_item", ["review_id", "verdict", "rank"]
    )
    op.create_index("ix_review_item_sample_id", "review_item", ["sample_id"])
