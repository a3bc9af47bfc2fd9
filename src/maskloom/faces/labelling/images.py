"""Routes of the pixels: what an image is like, its overview, its tiles, its thumbnail.

Decoding has threads of its own, so that saving never waits behind a large image; thumbnails have
another one, so that the image which is opened never waits behind a list of large ones. A tile whose
address names the image's version is kept by the browser for good; another is asked for again
and answered 304 while the file is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from maskloom.faces.labelling.samples import SampleId
from maskloom.labelling.desk import Desk, version_of
from maskloom.labelling.tiles import Source, cut_tile, look_at, make_overview

THREADS = 4
THUMBNAIL_THREADS = 1
_KEPT = "private, max-age=31536000, immutable"
_ASKED = "private, no-cache"

Version = Annotated[
    str | None, Query(max_length=64, description="as GET image tells; makes the answer keepable")
]
Level = Annotated[int, Path(ge=0, le=40, description="0 is full size; each further one is half")]
At = Annotated[int, Path(ge=0, le=2**31)]
Value = Annotated[float | None, Query(allow_inf_nan=False)]


class ImageAnswer(BaseModel):
    """What a page needs to know before it asks for tiles."""

    size: tuple[int, int] = Field(description="height, width, upright")
    levels: int = Field(description="the last one fits into one tile")
    tile: int = Field(description="side of a tile in px")
    channels: int = Field(description="of the file; red, green and blue, or the first, are shown")
    dtype: str = Field(description="uint8, uint16 or float32")
    minimum: float = Field(description="of the shown values")
    maximum: float
    low: float = Field(description="default value shown as black")
    high: float = Field(description="default value shown as white")
    version: str = Field(description="changes when the file does; put it into tile addresses as v")


def add_images(router: APIRouter, desk: Desk) -> None:
    """Add the routes."""
    _add_whole(router, desk, CapacityLimiter(THREADS))
    _add_thumbnails(router, desk, CapacityLimiter(THUMBNAIL_THREADS))


def _add_whole(router: APIRouter, desk: Desk, limiter: CapacityLimiter) -> None:
    @router.get("/samples/{sample}/image", operation_id="get_image", tags=["images"])
    async def get_image(sample: SampleId) -> ImageAnswer:
        """Describe an image: size, levels, range of values, default window."""
        return await to_thread.run_sync(partial(_look, desk, sample), limiter=limiter)

    @router.get("/samples/{sample}/overview", operation_id="get_overview", **_picture("image/jpeg"))
    async def get_overview(request: Request, sample: SampleId, v: Version = None) -> Response:
        """Give a JPEG of the whole image, at most 2048 px a side, upright; soon for JPEG files.

        It is for looking at until the tiles are there: its pixels are no exact means. The ETag,
        without its quotes, is the version that tile addresses take as `v`.
        """
        whole = partial(make_overview, desk.pictures)
        made = partial(_served, desk, sample, request, v, "image/jpeg", whole)
        return await to_thread.run_sync(made, limiter=limiter)

    @router.get(
        "/samples/{sample}/tiles/{level}/{x}/{y}", operation_id="get_tile", **_picture("image/png")
    )
    async def get_tile(
        request: Request,
        sample: SampleId,
        level: Level,
        x: At,
        y: At,
        low: Value = None,
        high: Value = None,
        v: Version = None,
    ) -> Response:
        """Give a tile of 512 px of the image at half size per level, upright, 8-bit PNG.

        `low` and `high` are the values shown as black and white; for 16-bit and float images
        the default is the percentiles 0.1 and 99.9 of the image.
        """
        cut = partial(_cut, desk, (level, x, y), low, high)
        made = partial(_served, desk, sample, request, v, "image/png", cut)
        return await to_thread.run_sync(made, limiter=limiter)


def _add_thumbnails(router: APIRouter, desk: Desk, limiter: CapacityLimiter) -> None:
    @router.get(
        "/samples/{sample}/thumbnail", operation_id="get_thumbnail", **_picture("image/jpeg")
    )
    async def get_thumbnail(request: Request, sample: SampleId, v: Version = None) -> Response:
        """Give a JPEG of at most 256 px a side, upright."""

        def small(source: Source) -> bytes:
            return desk.thumbnails.get(source.path)

        made = partial(_served, desk, sample, request, v, "image/jpeg", small)
        return await to_thread.run_sync(made, limiter=limiter)


def _cut(
    desk: Desk,
    place: tuple[int, int, int],
    low: float | None,
    high: float | None,
    source: Source,
) -> bytes:
    tile = cut_tile(desk.pictures, source, place, low=low, high=high)
    if tile is None:
        raise HTTPException(404, f"there is no tile {'/'.join(map(str, place))}")
    return tile


def _look(desk: Desk, sample: int) -> ImageAnswer:
    source = desk.source(sample)
    look = look_at(desk.pictures, source)
    return ImageAnswer(
        size=look.size_hw,
        levels=look.levels,
        tile=look.tile,
        channels=look.channels,
        dtype=look.dtype,
        minimum=look.minimum,
        maximum=look.maximum,
        low=look.low,
        high=look.high,
        version=version_of(source),
    )


def _served(
    desk: Desk,
    sample: int,
    request: Request,
    asked: str | None,
    kind: str,
    make: Callable[[Source], bytes],
) -> Response:
    source = desk.source(sample)
    version = version_of(source)
    # The address holds everything else that the bytes depend on.
    tag = f'"{version}"'
    headers = {"ETag": tag, "Cache-Control": _KEPT if asked == version else _ASKED}
    if tag in request.headers.get("if-none-match", "") and source.path.exists():
        return Response(status_code=304, headers=headers)
    return Response(make(source), media_type=kind, headers=headers)


def _picture(kind: str) -> dict[str, Any]:
    """What the routes of pictures tell OpenAPI."""
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {
        "response_class": Response,
        "tags": ["images"],
        "responses": {
            200: {"description": "the picture", "content": content},
            304: {"description": "the browser has it already"},
        },
    }
