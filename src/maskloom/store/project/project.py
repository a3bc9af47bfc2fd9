"""`Project`: one folder of images, labels, taxonomy, reviews and runs, as an object.

A thin face: every method names the module that does the work. A project is open for writing or
for reading only, may be used from many threads, and travels to other processes as its path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from maskloom.core.sample import Sample
from maskloom.core.taxonomy import Taxonomy
from maskloom.store.project import creation, database, layers, layout, pages, samples, splits
from maskloom.store.project.address import DEFAULT_LAYER
from maskloom.store.project.database import Database
from maskloom.store.project.documents import Documents
from maskloom.store.project.layers import Form, LayerInfo
from maskloom.store.project.layout import Layout, Settings
from maskloom.store.project.pages import Position, SampleRow

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.core.migrations import Migration
    from maskloom.core.region import Region
    from maskloom.edits.document import Document
    from maskloom.edits.operations import Operation
    from maskloom.store.project.address import Address
    from maskloom.store.project.imports import Added
    from maskloom.store.project.operations import Committed
    from maskloom.store.project.review_items import ReviewItem
    from maskloom.store.project.reviews import ReviewRow
    from maskloom.store.project.taxonomies import Migrated


class Project:
    """An open project; made by `create` and `open`, closed by `close` or a `with` block.

    Args:
        root: absolute path of the folder.
        settings: what `maskloom.toml` says.
        database: open, with the newest schema.

    Attributes:
        layout: places in the folder.
        documents: those that were used last, in memory.
    """

    def __init__(self, root: Path, settings: Settings, database: Database) -> None:
        self.layout = Layout(root)
        self.settings = settings
        self.database = database
        self.documents = Documents()

    @classmethod
    def create(
        cls,
        root: Path,
        *,
        name: str = "",
        taxonomy: Taxonomy | None = None,
        database: str = "",
        form: Form = "rows",
    ) -> Project:
        """Make a project and open it; the folder appears whole.

        Args:
            root: a folder that is absent or empty.
            name: what to call it; by default as its folder.
            taxonomy: what its labels may say at first.
            database: URL of an empty PostgreSQL database; empty is the embedded one.
            form: what people draw where nothing was imported: objects ("rows") or class maps.

        Raises:
            WriteError: something is there already, or it cannot be written.
            UsageError: not a name, or not the URL of an empty database.
        """
        words = taxonomy or Taxonomy(())
        creation.create(Path(root), name=name, taxonomy=words, url=database, form=form)
        return cls.open(root)

    @classmethod
    def open(cls, root: Path, *, readonly: bool = False) -> Project:
        """Open a project, upgrading the schema of an older one.

        Args:
            root: its folder.
            readonly: never write; works on disks that cannot be written.

        Raises:
            UsageError: it is not a project.
            DataError: settings or database are damaged, or of a newer maskloom.
            WriteError: it cannot be written and was not opened for reading only.
        """
        folder = layout.project_root(root)
        settings = layout.read_settings(folder)
        opened = cls(folder, settings, creation.open_database(folder, settings, readonly=readonly))
        try:
            opened.mirror()
        except BaseException:
            opened.close()
            raise
        return opened

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[..., Project], tuple[Path, bool]]:
        return _opened, (self.root, self.readonly)

    def __repr__(self) -> str:
        return f"Project({str(self.root)!r})"

    @property
    def root(self) -> Path:
        """The absolute path of the folder."""
        return self.layout.root

    @property
    def id(self) -> str:
        """32 hex digits that no other project has."""
        return self.settings.id

    @property
    def name(self) -> str:
        """What to call it."""
        return self.settings.name or self.root.name

    @property
    def readonly(self) -> bool:
        """Whether it is open for reading only."""
        return self.database.readonly

    def sequence(self) -> int:
        """Number of the last change."""
        from maskloom.store.project import reading

        with database.read(self) as connection:
            return reading.pinned(connection, None, where=self.root)

    def taxonomy(self, at: int | None = None) -> Taxonomy:
        """What labels may say, at a sequence number; None is now."""
        with database.read(self) as connection:
            return self.documents.vocabularies.at(connection, at).taxonomy

    def layers(self) -> list[LayerInfo]:
        """All layers, `main` first."""
        with database.read(self) as connection:
            return layers.infos(connection)

    def page(self, **options: Any) -> tuple[list[SampleRow], int]:
        """Some samples with where they stand, and how many there are in all; see `pages.listed`."""
        return pages.listed(self, **options)

    def position(self, sample: int, **options: Any) -> Position:
        """Where a sample, named by its id, is in such a list; see `pages.position`."""
        return pages.position(self, sample, **options)

    def counts(self, layer: str = DEFAULT_LAYER) -> dict[str, int]:
        """How many samples are `todo`, `doing` and `done` in a layer."""
        with database.read(self) as connection:
            return pages.counts(connection, layers.find(connection, layer).id)

    def sample(self, id_or_key: int | str, layer: str = DEFAULT_LAYER) -> SampleRow:
        """One sample with where it stands in a layer."""
        with database.read(self) as connection:
            row = samples.find(connection, id_or_key, where=self.root)
            return pages.row(connection, layer, int(row["id"]))

    def image_path(self, id_or_key: int | str) -> Path:
        """The file of a sample's image; see `samples.image_path`."""
        with database.read(self) as connection:
            row = samples.find(connection, id_or_key, where=self.root)
            return samples.image_path(row, self.layout)

    def samples(self) -> tuple[Sample, ...]:
        """All samples, in the order in which they came."""
        with database.read(self) as connection:
            return samples.read(connection, self.layout)

    def splits(self, at: int | None = None) -> Mapping[str, tuple[str, ...]]:
        """Name → keys of samples, in order, at a sequence number; None is now."""
        with database.read(self) as connection:
            return splits.read(connection, at)

    def commit(self, sample: int | str, op: Operation, *, author: str) -> Committed:
        """Accept an operation; it is on the disk when this returns.

        Args:
            sample: id or key.
            op: checked by `edits.operations.parse` for a frame of the sample's size.
            author: who did it.

        Raises:
            Conflict: something that it touches was changed since its base; with the operations
                that are missing there.
            DataError: it makes no sound document, or its id stands for another operation.
            UsageError: no such sample or layer, or one that nobody edits.
            WriteError: the disk is full or read-only; nothing was saved.
        """
        from maskloom.store.project import operations

        return operations.commit(self, sample, op, author=author)

    def operations(
        self, sample: int | str, layer: str, after: int = 0, until: int | None = None
    ) -> list[Committed]:
        """The operations of a sample in a layer after a revision, up to another."""
        from maskloom.store.project import operations

        return operations.log(self, sample, layer, after=after, until=until)

    def document(
        self, sample: int | str, layer: str, at: int | None = None, *, revision: int | None = None
    ) -> Document:
        """What a layer says of a sample, at a number it has reached; see `documents.document`."""
        from maskloom.store.project import documents, reading

        if at is not None:
            with database.read(self) as connection:
                reading.pinned(connection, at, where=self.root)
        return documents.document(self, sample, layer, at, revision=revision)

    def add(self, dataset: Dataset, layer: str, **options: Any) -> Added:
        """Add samples and their labels as a snapshot; see `imports.add`."""
        from maskloom.store.project import imports

        return imports.add(self, dataset, layer, **options)

    def dataset(self, layer: str = DEFAULT_LAYER, at: int | None = None) -> Dataset:
        """A layer as a data set whose labels are read when asked for; see `reading.dataset`."""
        from maskloom.store.project import reading

        return reading.dataset(self, layer, at)

    def add_review(
        self, truth: Address, predicted: Address | str, regions: Sequence[Region]
    ) -> ReviewRow:
        """Store regions as a review; see `reviews.add_review`."""
        from maskloom.store.project import reviews

        return reviews.add_review(self, truth, predicted, regions)

    def reviews(self) -> list[ReviewRow]:
        """Every review, the oldest first."""
        from maskloom.store.project import reviews

        return reviews.reviews(self)

    def review_items(self, review_id: int, **options: Any) -> tuple[list[ReviewItem], int]:
        """Some items of a review, and how many there are in all; see `review_items.py`."""
        from maskloom.store.project import review_items

        return review_items.review_items(self, review_id, **options)

    def item_position(self, review_id: int, item_id: str, **options: Any) -> Position:
        """Where an item is in such a list; see `review_items.item_position`."""
        from maskloom.store.project import review_items

        return review_items.item_position(self, review_id, item_id, **options)

    def item(self, item_id: str) -> ReviewItem:
        """One item of a review; see `review_items.item`."""
        from maskloom.store.project import review_items

        return review_items.item(self, item_id)

    def mirror(self) -> None:
        """Write taxonomy.json again, if it is behind; see `taxonomies.mirror`."""
        from maskloom.store.project import taxonomies

        taxonomies.mirror(self)

    def migrate(self, migration: Migration, *, author: str, dry_run: bool = False) -> Migrated:
        """Change the taxonomy; see `taxonomies.migrate`."""
        from maskloom.store.project import taxonomies

        return taxonomies.migrate(self, migration, author=author, dry_run=dry_run)


def _opened(root: Path, readonly: bool) -> Project:  # noqa: FBT001
    return Project.open(root, readonly=readonly)
