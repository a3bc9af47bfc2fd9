"""`COCO`: the index of a data set under pycocotools' names.

Source: pycocotools 2.0.11 `coco.COCO`. Deviations: bad input is a `DataError` that names what is
wrong; an empty list of results is allowed; dicts and indexes of results are made when they are
first looked at, and then are what is evaluated.
"""

# ruff: noqa: N802, N803, N815 - names of pycocotools

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskloom.compat.coco.masks import mask_of, runs_of
from maskloom.compat.coco.reading import read_json
from maskloom.compat.coco.results import Results, results_of
from maskloom.compat.coco.say import say, timed
from maskloom.errors import DataError

_INDEX = ("anns", "imgs", "cats", "imgToAnns", "catToImgs")
Entry = dict[str, Any]


class COCO:
    """Annotations of a data set, or results on it.

    Args:
        annotation_file: a COCO or LVIS file, or what such a file holds.

    Attributes:
        dataset: what the file holds.
        anns, imgs, cats: entries by id.
        imgToAnns: image id → its annotations.
        catToImgs: category id → ids of the images of its annotations.
    """

    dataset: dict[str, Any]
    anns: dict[Any, Entry]
    imgs: dict[Any, Entry]
    cats: dict[Any, Entry]
    imgToAnns: defaultdict[Any, list[Entry]]
    catToImgs: defaultdict[Any, list[Any]]

    def __init__(
        self, annotation_file: str | PathLike[str] | Mapping[str, Any] | None = None
    ) -> None:
        self.results: Results | None = None
        self.dataset = {}
        if annotation_file is None:
            return
        if isinstance(annotation_file, Mapping):
            self.dataset = dict(annotation_file)
        else:
            with timed("loading annotations into memory...", "Done (t={:0.2f}s)"):
                found = read_json(Path(annotation_file))
            if not isinstance(found, dict):
                raise DataError(
                    "a file of annotations is a JSON object",
                    where=annotation_file,
                    seen=type(found).__name__,
                    hint="results are read by loadRes",
                )
            self.dataset = found
        self.createIndex()

    def __getattr__(self, name: str) -> Any:
        """What is made when it is first looked at: the index, and dicts of results."""
        if name == "dataset" and self.__dict__.get("results") is not None:
            self.dataset = self.results.dataset()  # type: ignore[union-attr]
            return self.dataset
        if name in _INDEX and "results" in self.__dict__:
            self._index()
            return self.__dict__[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def createIndex(self) -> None:
        """Let the index be made again from `dataset`."""
        say("creating index...")
        for name in _INDEX:
            self.__dict__.pop(name, None)
        say("index created!")

    def _index(self) -> None:
        data = self.dataset
        annotations = data.get("annotations", [])
        images, of_images = defaultdict[Any, list[Entry]](list), defaultdict[Any, list[Any]](list)
        for one in annotations:
            images[one["image_id"]].append(one)
        if "categories" in data:
            for one in annotations:
                of_images[one["category_id"]].append(one["image_id"])
        self.anns = {one["id"]: one for one in annotations}
        self.imgs = {one["id"]: one for one in data.get("images", [])}
        self.cats = {one["id"]: one for one in data.get("categories", [])}
        self.imgToAnns, self.catToImgs = images, of_images

    def annotations(self) -> list[Entry]:
        """All annotations as they stand now, those of an image in the order of the file."""
        if "imgToAnns" in self.__dict__:
            return list(itertools.chain.from_iterable(self.imgToAnns.values()))
        found: list[Entry] = self.dataset.get("annotations", [])
        return found

    def unread(self) -> Results | None:
        """Results whose dicts nobody has looked at, else None."""
        return None if "dataset" in self.__dict__ else self.results

    def images(self) -> list[Entry]:
        """The entries of images, without making dicts of results."""
        found: list[Entry]
        found = self.results.images if self.results else self.dataset.get("images", [])
        return found

    def info(self) -> None:
        """Print what the file says of itself."""
        for key, value in self.dataset["info"].items():
            say(f"{key}: {value}")

    def getAnnIds(
        self, imgIds: Any = (), catIds: Any = (), areaRng: Sequence[float] = (), iscrowd: Any = None
    ) -> list[Any]:
        """Ids of annotations of these images and categories, of an area between two, crowd or not.

        What is left empty filters nothing.
        """
        images, categories = _listed(imgIds), _listed(catIds)
        found = self.dataset["annotations"]
        if len(images):
            known = self.imgToAnns
            found = [one for i in images if i in known for one in known[i]]
        if len(categories):
            found = [one for one in found if one["category_id"] in categories]
        if len(areaRng):
            found = [one for one in found if areaRng[0] < one["area"] < areaRng[1]]
        return [one["id"] for one in found if iscrowd is None or one["iscrowd"] == iscrowd]

    def getCatIds(self, catNms: Any = (), supNms: Any = (), catIds: Any = ()) -> list[Any]:
        """Ids of categories of these names, supercategories and ids; empty filters nothing."""
        found = self.dataset["categories"]
        for key, asked in (("name", catNms), ("supercategory", supNms), ("id", catIds)):
            wanted = _listed(asked)
            if len(wanted):
                found = [one for one in found if one[key] in wanted]
        return [one["id"] for one in found]

    def getImgIds(self, imgIds: Any = (), catIds: Any = ()) -> list[Any]:
        """Ids of images among these that have annotations of all these categories."""
        images, categories = _listed(imgIds), _listed(catIds)
        if len(images) == len(categories) == 0:
            return list(self.imgs)
        ids = set(images)
        for i, category in enumerate(categories):
            own = set(self.catToImgs[category])
            ids = own if i == 0 and not ids else ids & own
        return list(ids)

    def loadAnns(self, ids: Any = ()) -> list[Entry]:
        """Annotations of these ids."""
        return [self.anns[i] for i in _listed(ids)]

    def loadCats(self, ids: Any = ()) -> list[Entry]:
        """Categories of these ids."""
        return [self.cats[i] for i in _listed(ids)]

    def loadImgs(self, ids: Any = ()) -> list[Entry]:
        """Images of these ids."""
        return [self.imgs[i] for i in _listed(ids)]

    def loadRes(self, resFile: str | PathLike[str] | Sequence[Entry] | NDArray[np.generic]) -> COCO:
        """Results on this data set.

        Args:
            resFile: a JSON file, a list of dicts, or an array (N, 7) of image id, x, y, width,
                height, score and category id.

        Returns:
            results with ids from 1; areas are those of boxes where the first result has one.

        Raises:
            DataError: results of unknown images, or that hold neither boxes nor masks.
        """
        found = COCO()
        with timed("Loading and preparing results...", "DONE (t={:0.2f}s)"):
            if isinstance(resFile, np.ndarray):
                found.results = results_of(self.loadNumpyAnnotations(resFile), self.dataset)
            else:
                found.results = results_of(resFile, self.dataset)
        del found.dataset
        found.createIndex()
        return found

    def loadNumpyAnnotations(self, data: NDArray[np.generic]) -> list[Entry]:
        """Results of an array; see `loadRes`."""
        if data.ndim != 2 or data.shape[1] != 7:
            raise DataError("an array of results is (N, 7)", where="loadRes", seen=data.shape)
        return [
            {"image_id": int(image), "bbox": box, "score": score, "category_id": int(category)}
            for image, *box, score, category in data.tolist()
        ]

    def annToRLE(self, ann: Entry) -> dict[str, Any]:
        """The compressed runs of an annotation: size and counts."""
        image = self.imgs[ann["image_id"]]
        return runs_of(ann, image)

    def annToMask(self, ann: Entry) -> NDArray[np.uint8]:
        """The mask of an annotation, (H, W) uint8 of 0 and 1, in columns."""
        return mask_of(self.annToRLE(ann))


def _listed(asked: Any) -> Any:
    """What is asked for as something with a length; one id stands for itself."""
    return asked if hasattr(asked, "__iter__") and hasattr(asked, "__len__") else [asked]
