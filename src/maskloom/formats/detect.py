"""Open a data set of any format, or a layer of a project; which it is, is told by its content.

The formats are named in `registry.FORMATS`; a project (`project.py`) is not one of them, but
read like one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from maskloom import registry
from maskloom.core.category_names import alike
from maskloom.core.dataset import Dataset
from maskloom.core.lazy_samples import keys_of
from maskloom.core.options import parse_settings
from maskloom.errors import FormatError, MaskloomError, UsageError
from maskloom.formats.base import Format
from maskloom.formats.bitmap.files import has_usual_folders, refuse_strange_names
from maskloom.formats.groups import with_groups
from maskloom.store.project.runs import project_address, with_layer
from maskloom.store.video import IMPORT_HINT, is_video

CERTAIN_ENOUGH = 0.3
PROJECT = "project"
_MOST_LOOKED_AT = 20
_MOST_SHOWN = 3


def load_format(name: str) -> Format:
    """The format of a name; `project` is one that is only read.

    Raises:
        UsageError: there is none; the known ones are listed.
    """
    fmt = _project() if name == PROJECT else registry.load("formats", name)
    assert isinstance(fmt, Format)
    return fmt


def is_there(path: Path | str) -> bool:
    """Whether a file or folder is there, or a project of which a layer is named."""
    return Path(path).exists() or project_address(path) is not None


def detect_format(path: Path | str) -> Format:
    """The format of a file, a folder or an address, from names and headers alone.

    Raises:
        FormatError: nothing is there, no format knows it, or two know it equally well.
        UsageError: an address of a project that is none.
    """
    path = Path(path)
    fmt = find_format(path)
    if fmt is not None:
        return fmt
    if is_video(path):
        raise FormatError("a film has no labels", where=path, hint=IMPORT_HINT)
    if path.is_dir() and not any(p.is_file() for p in path.rglob("*")):
        raise FormatError("the folder holds no files", where=path, hint="check the path")
    if path.is_dir():
        refuse_strange_names(path)
    if path.is_dir() and (inside := _formats_inside(path)):
        raise _level_above(path, inside)
    if path.is_file() and not path.stat().st_size:
        raise FormatError("the file is empty", where=path, hint="copy or write it again")
    images = "images alone are no labels; for image and mask side by side say --from bitmap --set "
    hint = "" if path.suffix == ".json" else f"{images}masks=. images=. suffix=_mask; "
    hint += "what each format looks for is in `maskloom list formats --json -`"
    raise FormatError("no labels of a known format here", where=path, hint=hint)


def _level_above(path: Path, inside: Mapping[str, str], otherwise: str = "") -> FormatError:
    told = "; ".join(f"{path / name} looks like {fmt}" for name, fmt in inside.items())
    which = "that folder" if len(inside) == 1 else "one of those folders"
    return FormatError(
        f"no labels of a known format here, but {told}",
        where=path,
        hint=f"give {which}{otherwise}",
    )


def _formats_inside(path: Path, surer_than: float = 0.0) -> dict[str, str]:
    """Sub-folder → format, of the first few that one knows: the path may be a level too high."""
    folders = (one for one in sorted(path.iterdir()) if one.is_dir() and one.name[0] != ".")
    found: dict[str, str] = {}
    for folder in islice(folders, _MOST_LOOKED_AT):
        try:
            if project_address(folder) is not None:
                found[folder.name] = PROJECT
                continue
            (best, fmt), (second, _) = _ranked(folder)
        except MaskloomError:
            continue
        if best >= CERTAIN_ENOUGH and best > max(second, surer_than):
            found[folder.name] = fmt.name
        if len(found) == _MOST_SHOWN:
            break
    return found


def find_format(path: Path) -> Format | None:
    """The format of a file, a folder or an address; None where none knows it.

    Raises:
        FormatError: nothing is there, or two know it equally well.
        UsageError: an address of a project that is none.
    """
    if project_address(path) is not None:
        return _project()
    _refuse_absent(path)
    (best, fmt), (second, other) = _ranked(path)
    if best < CERTAIN_ENOUGH:
        return None
    if second == best:
        raise FormatError(
            "the format is ambiguous",
            where=path,
            seen=f"{fmt.name} or {other.name}",
            hint=f"name it with --from {fmt.name} or --from {other.name}",
        )
    # Maps lie in sub-folders of many data sets that say more than they do.
    if fmt.name == "bitmap" and best < 1 and not has_usual_folders(path):
        inside = _formats_inside(path, surer_than=best)
        if any(name != fmt.name for name in inside.values()):
            raise _level_above(path, inside, f" or say --from {fmt.name}")
    return fmt


def _ranked(path: Path) -> list[tuple[float, Format]]:
    """The two formats that know a path best, with how sure they are."""
    formats = [load_format(name) for name in registry.FORMATS]
    ranked = sorted(((fmt.detect(path), fmt) for fmt in formats), key=lambda pair: -pair[0])
    return ranked[:2]


def read_dataset(
    path: Path | str,
    fmt: str | None = None,
    *,
    options: Any = None,
    settings: Sequence[str] = (),
    images: Path | None = None,
    split: str | None = None,
    skip_bad: bool = False,
) -> Dataset:
    """Open a data set; labels are read per sample when asked for.

    Args:
        path: a file or folder, a project, or `PROJECT::LAYER[#REVISION]`.
        fmt: the name of its format; None detects it.
        options: an instance of the format's `ReadOptions`; None takes `settings`.
        settings: `[from.]KEY=VALUE` strings.
        images: folder under which images are looked for instead of their usual place.
        split: only this split; `@FILE` is a text file of keys, one a line (RUN/val.txt), looked
            for in the working folder, then in the project that `path` is (in).
        skip_bad: leave invalid annotations out and count them in the warnings.

    Raises:
        FormatError: the data is not of the format, or is invalid.
        UsageError: an option, the format's name or the split is unknown.
    """
    path = Path(path)
    chosen = detect_format(path) if fmt is None else load_format(fmt)
    if chosen.name != PROJECT:
        _refuse_absent(path)
    if images is not None and not images.is_dir():
        raise FormatError("no such folder", where=images, hint="correct --images")
    if options is None:
        options = parse_settings(settings, {"from": chosen.ReadOptions})["from"]
    if skip_bad:
        options = replace(options, skip_bad=True)
    dataset = chosen.read(path, options, images)
    if not dataset.samples:
        raise _empty(chosen, path)
    if chosen.name != PROJECT and (told := alike(dataset.taxonomy)):
        dataset = replace(dataset, warnings=(*dataset.warnings, *told))
    return part_of(with_groups(dataset, options.group), split, of=path)


def _empty(fmt: Format, path: Path) -> FormatError:
    """What to say of a data set without images; files may be there, of the format and sound."""
    if fmt.detect(path) >= CERTAIN_ENOUGH:
        return FormatError(
            f"there are no images in this {fmt.name} data set",
            where=path,
            hint="name the file or folder that lists some",
        )
    return FormatError(f"no {fmt.name} labels found", where=path, hint=fmt.looks_for)


def _refuse_absent(path: Path) -> None:
    if path.exists():
        return
    root, mark, _ = str(path).rpartition("::")
    if told := with_layer(path):
        raise FormatError("a revision is that of a layer", where=path, hint=f"write {told}")
    if mark and root:
        raise FormatError(
            "no such project", where=root, hint="check the path; `maskloom init` makes a project"
        )
    raise FormatError("no such file or folder", where=path, hint="check the path")


def _project() -> Format:
    # Imported when needed: it brings the database along.
    from maskloom.formats.project import FORMAT

    return FORMAT


def part_of(dataset: Dataset, split: str | None, *, of: Path | None = None) -> Dataset:
    """The samples of a split, or those that a text file lists (`@FILE`, one key a line).

    Args:
        dataset: all of it.
        split: a name or `@FILE`; None is everything.
        of: where the data set was opened; a list that is not in the working folder is looked
            for in the project there, as `runs/1` is.

    Raises:
        FormatError: the file cannot be read.
        UsageError: there is no such split.
    """
    if split is None or not split.startswith("@"):
        found = dataset.split(split)
        if split is not None and not found.samples:
            raise UsageError("the split has no images", where=dataset.name or of, seen=split)
        return found
    keys = _listed(split, of)
    if not keys:
        raise UsageError(
            "the list names no samples",
            where=f"--split {split}",
            hint="write one key a line: an image's path below the data's root, without suffix",
        )
    known = set(keys_of(dataset.samples))
    for line, key in keys.items():
        if key not in known:
            raise UsageError(
                "no such sample",
                where=f"--split {split}, line {line}",
                seen=key,
                hint="a key is an image's path below the data's root, without suffix; "
                f"one here is {next(iter(keys_of(dataset.samples)), '')!r}",
            )
    return dataset.select(keys.values())


def listed_keys(split: str, *, of: Path | None = None) -> list[str]:
    """The keys that a text file lists.

    Args:
        split: `@FILE`.
        of: as for `part_of`.

    Raises:
        FormatError: the file cannot be read.
    """
    return list(_listed(split, of).values())


def _listed(split: str, of: Path | None) -> dict[int, str]:
    """The keys by the lines on which they stand."""
    path = Path(split[1:])
    address = None if of is None else project_address(of)
    looked = [path, *([] if address is None or path.is_absolute() else [address.root / path])]
    file = next((one for one in looked if one.is_file()), None)
    try:
        lines = (file or path).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise FormatError(
            "no such list of samples",
            where=f"--split @{path}",
            seen=" and ".join(map(str, looked)),
            hint="name a text file with one key a line; a run keeps its own as @runs/1/val.txt",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(
            "the list of samples cannot be read",
            where=file or path,
            seen=error,
            hint="give --split @FILE, one key a line",
        ) from error
    return {number: line for number, line in enumerate(lines, 1) if line.strip()}


def panoptic_format(path: Path) -> str | None:
    """The panoptic format, if a folder holds its files, be there instances of the same images.

    For calls of the task panoptic, to which the other files are no answer; a project has a form
    of its own.
    """
    fmt = load_format("coco-panoptic")
    return fmt.name if project_address(path) is None and fmt.detect(path) > 0 else None
