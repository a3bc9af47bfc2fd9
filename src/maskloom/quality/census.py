"""Counts over a data set: pixels, objects and images per class, image sizes, void.

Adding up only; what is remarkable about the counts is at the end of this module.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from maskloom.core.labels import Labels, codes
from maskloom.core.taxonomy import Taxonomy
from maskloom.core.views import class_areas
from maskloom.quality.findings import Finding
from maskloom.quality.objects import Limits


class Census:
    """Running counts; `add` one sample's labels after the other."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.pixels = np.zeros(len(taxonomy), np.int64)
        self.objects = np.zeros(len(taxonomy), np.int64)
        self.images = np.zeros(len(taxonomy), np.int64)
        self.sizes: Counter[tuple[int, ...]] = Counter()
        self.total = self.void = self.unlabelled = 0
        self.with_rows = False

    def add(self, labels: Labels) -> float:
        """Count one sample; returns its share of void pixels."""
        areas = class_areas(labels, self.taxonomy)
        total = int(np.prod(labels.size))
        void = int(areas[[c.void for c in self.taxonomy]].sum())
        if labels.class_map is not None:
            void += int((labels.class_map == codes(labels.class_map.dtype)[0]).sum())
            present = areas > 0
        else:
            self.with_rows = True
            assert labels.rows is not None
            # Those of boxes and lines, too; parts of one object are one.
            pairs = np.stack([labels.rows.category, labels.rows.instance], axis=1)
            category = np.unique(pairs, axis=0)[:, 0].astype(np.intp)
            found = np.bincount(category, minlength=len(self.taxonomy))
            self.objects += found
            present = found > 0
        self.pixels += areas
        self.images += present
        self.sizes[tuple(labels.size)] += 1
        self.total += total
        self.void += void
        self.unlabelled += not present.any()
        return void / total if total else 0.0

    def classes(self) -> list[dict[str, Any]]:
        """One mapping per category that is not void, in the taxonomy's order."""
        counted = int(self.pixels[list(self.taxonomy.scored)].sum())
        colors = self.taxonomy.colors()
        rows = []
        for i in self.taxonomy.scored:
            row: dict[str, Any] = {
                "key": self.taxonomy[i].key,
                "name": self.taxonomy[i].name,
                "kind": self.taxonomy[i].kind,
                "color": list(colors[i]),
                "pixels": int(self.pixels[i]),
                "share": float(self.pixels[i] / counted) if counted else None,
                "images": int(self.images[i]),
            }
            if self.with_rows:
                row["objects"] = int(self.objects[i])
            rows.append(row)
        return rows

    def findings(self, limits: Limits) -> Iterator[Finding]:
        """Classes that are never used, and a strong imbalance."""
        classes = self.classes()
        idle = [row["name"] for row in classes if row["images"] == 0]
        if idle:
            shown = ", ".join(idle[:6]) + (", ..." if len(idle) > 6 else "")
            what = f"{len(idle)} of {len(classes)} classes are never used: {shown}"
            yield Finding("unused-class", what, value=idle)
        used = [row for row in classes if row["pixels"] > 0]
        if len(used) > 1:
            small = min(used, key=lambda row: row["pixels"])
            large = max(used, key=lambda row: row["pixels"])
            ratio = large["pixels"] / small["pixels"]
            if ratio > limits.imbalance:
                what = f"{large['name']!r} has {ratio:,.0f} times the pixels of {small['name']!r}"
                yield Finding("imbalance", what, value=round(ratio, 3))
