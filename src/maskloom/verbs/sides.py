"""The two data sets that a comparing verb (`evaluate`, `review`) is given, opened alike.

No verb: it turns paths and options into data sets. What belongs together is
`metrics/judging/align.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

_ABSENT = "images are missing"
"""In the warnings of data sets (`formats/shared/folders.py`)."""

if TYPE_CHECKING:
    from maskloom.core.dataset import Dataset
    from maskloom.formats.base import Format


@dataclass(frozen=True, slots=True)
class Sides:
    """How to read the truth and the prediction.

    Args:
        paths: of the truth and of the prediction.
        formats: of each; None detects it.
        taxonomy: JSON file that names the ids of bare label maps.
        void: id or name of the class whose pixels count nowhere.
        split: only this split of the truth.
        images: where the images of the truth lie.
        skip_bad: leave invalid annotations out.
    """

    paths: tuple[Path, Path]
    formats: tuple[str | None, str | None]
    taxonomy: Path | None
    void: str | None
    split: str | None
    images: Path | None
    skip_bad: bool

    def read(
        self, settings: tuple[str, ...], own: Mapping[str, type] | None = None
    ) -> tuple[tuple[Dataset, Dataset], dict[str, Any]]:
        """Open both data sets.

        Args:
            settings: `[PREFIX.]KEY=VALUE` of the truth's format (from), the prediction's
                (predicted) and of the verb's own options.
            own: prefix → options dataclass of the verb.

        Returns:
            truth and prediction, and the options by prefix.

        Raises:
            MaskloomError: data that cannot be read, or an option that is unknown.
        """
        from maskloom.core.options import parse_settings
        from maskloom.errors import UsageError

        sides = self._formats()
        prefixes = ("from", "predicted")
        targets = {prefix: side.ReadOptions for prefix, side in zip(prefixes, sides, strict=True)}
        parsed = parse_settings(settings, {**targets, **(own or {})})
        known = [_known(parsed[prefix]) for prefix in prefixes]
        if self.taxonomy is not None and not any("taxonomy" in names for names in known):
            raise UsageError(
                "both sides name their own classes",
                where="--taxonomy",
                seen=self.taxonomy,
                hint="match classes with --map OLD=NEW",
            )
        like = self._like(sides[0], parsed["predicted"])
        if like is not None:
            parsed["predicted"] = replace(parsed["predicted"], like=like)
        options = [
            self._completed(parsed[prefix], names)
            for prefix, names in zip(prefixes, known, strict=True)
        ]
        ours = self._open(0, sides[0], options[0])
        theirs = self._open(1, sides[1], options[1])
        if (again := _as_classes(ours, theirs, options[1])) is not None:
            theirs = self._open(1, sides[1], again)
        elif (again := _as_classes(theirs, ours, options[0])) is not None:
            ours = self._open(0, sides[0], again)
        return (ours, theirs), parsed

    def _formats(self) -> list[Format]:
        """Of both sides; a list that no format knows, e.g. an empty one, is COCO's beside COCO."""
        from maskloom.formats.detect import detect_format, find_format, load_format

        pairs = zip(self.paths, self.formats, strict=True)
        asked = [None if name is None else load_format(name) for _, name in pairs]
        ours = asked[0] or detect_format(self.paths[0])
        if asked[1] is None and self._is_list(ours):
            asked[1] = find_format(self.paths[1]) or ours
        return [ours, asked[1] or detect_format(self.paths[1])]

    def _is_list(self, truth: Format) -> bool:
        """Whether the prediction is a JSON list beside a file of COCO's."""
        ours, theirs = self.paths
        if truth.name not in ("coco", "lvis") or not ours.is_file() or not theirs.is_file():
            return False
        with theirs.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")

    def _like(self, truth: Format, options: Any) -> Path | None:
        """The truth's file, where the prediction is a bare COCO results list."""
        if getattr(options, "like", self) is not None or not self._is_list(truth):
            return None
        return self.paths[0]

    def _completed(self, options: Any, known: set[str]) -> Any:
        """The options of one side, with --taxonomy and --void where its format knows them."""
        given: dict[str, Any] = {}
        if self.taxonomy is not None and "taxonomy" in known:
            given["taxonomy"] = self.taxonomy
        if self.void is not None and self.void.isdecimal() and "void" in known:
            given["void"] = int(self.void)
        return replace(options, **given) if given else options

    def _open(self, side: int, fmt: Format, options: Any) -> Dataset:
        from maskloom.formats.confidence import with_confidence
        from maskloom.formats.detect import read_dataset
        from maskloom.metrics.judging.keep import keep_labels

        dataset = read_dataset(
            self.paths[side],
            fmt.name,
            options=options,
            images=None if side else self.images,
            split=None if side else self.split,
            skip_bad=self.skip_bad,
        )
        if side:
            dataset = with_confidence(dataset, self.paths[side])
        in_options = self.void is not None and self.void.isdecimal() and "void" in _known(options)
        dataset = keep_labels(dataset)
        if self.void is None or in_options:
            return dataset
        return _with_void(dataset, self.void, required=side == 0)


def _known(options: Any) -> set[str]:
    return {item.name for item in fields(options)}


def _with_void(dataset: Dataset, void: str, *, required: bool) -> Dataset:
    """The data set with one category made void; the truth must have it, a prediction may."""
    from maskloom.core.category_names import refuse_ambiguous
    from maskloom.core.taxonomy import Taxonomy
    from maskloom.errors import TaxonomyError

    old = dataset.taxonomy
    refuse_ambiguous(old, void, where="--void")
    position = old.find(void)
    if position is None and void.isdecimal():
        having = [i for i, c in enumerate(old) if int(void) in dict(c.ids).values()]
        position = having[0] if having else None
    if position is None:
        if not required:
            return dataset
        raise TaxonomyError(
            "no such category to be void",
            where="--void",
            seen=void,
            hint=f"known: {', '.join(c.name for c in old.categories[:30])}",
        )
    categories = list(old)
    categories[position] = replace(categories[position], void=True)
    return replace(dataset, taxonomy=Taxonomy(tuple(categories), old.revision))


def _as_classes(by: Dataset, other: Dataset, options: Any) -> Any:
    """Options that read bare maps of zeros alone as class 0 where the other side has classes.

    Zeros alone look like binary maps without foreground; beside a side of class ids they are
    the class 0. None where that is not the case.
    """
    kinds = [one.extra.get("bitmap", {}).get("kind") for one in (by, other)]
    if (
        kinds != ["class", "binary"]
        or getattr(options, "kind", "") != "auto"
        or by.taxonomy.find("0") is None
    ):
        return None
    position = other.taxonomy.scored[0]
    for _, labels in other:
        if labels.class_map is not None and (labels.class_map == position).any():
            return None
    return replace(options, kind="class")


def called(path: Path, dataset: Dataset) -> str:
    """What to call a side: a layer by its address without the folders above, else by its name."""
    from maskloom.store.project.runs import project_address

    address = project_address(path)
    if address is None:
        return dataset.name
    return str(replace(address, root=Path(address.root.resolve().name)))


def both_called(
    paths: tuple[Path, Path], sides: tuple[Dataset, Dataset]
) -> tuple[Dataset, Dataset]:
    """Two sides under names that tell them apart: of one name, each with the folder it lies in."""
    names = [called(path, side) for path, side in zip(paths, sides, strict=True)]
    if names[0] == names[1] and paths[0].resolve() != paths[1].resolve():
        names = [
            f"{path.resolve().parent.name}/{name}" for path, name in zip(paths, names, strict=True)
        ]
    return replace(sides[0], name=names[0]), replace(sides[1], name=names[1])


def trained_on_note(predicted: Path, keys: Collection[str]) -> str:
    """A sentence where a model's layer is compared on what the model was trained on; else "".

    Args:
        predicted: the side that may be a machine layer of a project.
        keys: of the samples that are compared.
    """
    from maskloom.core.outcome import counted, was
    from maskloom.formats.project import pinned
    from maskloom.store.project.runs import project_address, run_of_layer, trained_on

    if project_address(predicted) is None:
        return ""
    address = pinned(predicted)
    run = run_of_layer(address.root, address.layer)
    seen = 0 if run is None else len(trained_on(run).intersection(keys))
    if run is None or not seen:
        return ""
    name = f"runs/{run.name}"
    return (
        f"{seen} of {counted(len(keys), 'scored image')} {was(seen)} used to train {name}, "
        f"which flatters it; --split @{name}/val.txt scores the others"
    )


def side_warnings(sides: tuple[Dataset, Dataset], *, pictures: bool) -> list[str]:
    """What reading both sides noticed; absent pictures only where they are wanted.

    Pictures are those of the truth: a prediction needs none of its own.

    Args:
        sides: truth and prediction.
        pictures: whether they are to be shown.
    """
    shown = [text for text in sides[0].warnings if pictures or _ABSENT not in text]
    said = [*(("truth", text) for text in shown)]
    said += [("predicted", text) for text in sides[1].warnings if _ABSENT not in text]
    return [f"{name}: {text.replace(_ABSENT, 'pictures are missing')}" for name, text in said]
