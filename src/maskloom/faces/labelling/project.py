"""Routes of the project as a whole: its classes, layers, splits, and how much is done."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from maskloom.core.taxonomy import Taxonomy
from maskloom.labelling.desk import Desk
from maskloom.version import __version__

Color = tuple[int, int, int]


class CategoryAnswer(BaseModel):
    """A class."""

    key: str = Field(description="immutable; what changes of labels name")
    name: str = Field(description="what people read; any text")
    kind: str = Field(description="thing or stuff")
    color: Color = Field(description="red, green, blue, 0 to 255")
    void: bool = Field(description="whether its pixels count nowhere")
    retired: bool = Field(description="whether it is no longer offered")


class TaxonomyAnswer(BaseModel):
    """The classes in order; positions are the values of class maps."""

    categories: list[CategoryAnswer]


class LayerAnswer(BaseModel):
    """Who says something about the samples."""

    name: str = Field(description="such as main, by/ann or model/unet@ab12")
    form: str = Field(description="rows (objects) or map (one class per pixel)")
    immutable: bool = Field(description="machine labels, which nobody edits")
    samples: int = Field(description="how many it says something of")
    objects: int
    sequence: int = Field(description="number of its last change")


class Counts(BaseModel):
    """How many samples stand where in the layer `main`."""

    todo: int
    doing: int
    done: int


class ProjectAnswer(BaseModel):
    """The project."""

    id: str
    name: str
    sequence: int = Field(description="grows by one with every change of the project")
    taxonomy: TaxonomyAnswer
    layers: list[LayerAnswer]
    splits: list[str]
    counts: Counts
    readonly: bool
    version: str = Field(description="of maskloom")


class Layers(BaseModel):
    """All layers, main first."""

    layers: list[LayerAnswer]


def add_project(router: APIRouter, desk: Desk) -> None:
    """Add the routes."""
    project = desk.project

    @router.get("/project", operation_id="get_project", tags=["project"])
    def get_project() -> ProjectAnswer:
        """Describe the project: classes, layers, splits, and how much is done."""
        return ProjectAnswer(
            id=project.id,
            name=project.name,
            sequence=project.sequence(),
            taxonomy=taxonomy_answer(project.taxonomy()),
            layers=_layers(desk),
            splits=desk.split_names(),
            counts=Counts(**project.counts()),
            readonly=project.readonly,
            version=__version__,
        )

    @router.get("/layers", operation_id="list_layers", tags=["project"])
    def list_layers() -> Layers:
        """List the layers with their sizes."""
        return Layers(layers=_layers(desk))


def taxonomy_answer(taxonomy: Taxonomy) -> TaxonomyAnswer:
    """The classes as a page needs them, colours filled in."""
    return TaxonomyAnswer(
        categories=[
            CategoryAnswer(
                key=category.key,
                name=category.name,
                kind=category.kind,
                color=color,
                void=category.void,
                retired=category.retired,
            )
            for category, color in zip(taxonomy, taxonomy.colors(), strict=True)
        ]
    )


def _layers(desk: Desk) -> list[LayerAnswer]:
    return [LayerAnswer.model_validate(one, from_attributes=True) for one in desk.project.layers()]
