"""The page: the files of `maskloom/web`, read once, served by exact name and by nothing else.

A request's path is looked up in a table and never joined to a folder, so no path leads out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

INDEX = "index.html"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file of the page."""

    data: bytes
    kind: str
    tag: str


def page_files(folder: Traversable | None = None) -> Mapping[str, File]:
    """Path below the root of the server → file, for every file that a browser may load.

    Args:
        folder: by default the package's own, from a checkout, a wheel or a zip file alike.
    """
    table = dict(_walk(files("maskloom") / "web" if folder is None else folder, ""))
    if INDEX in table:
        table[""] = table[INDEX]
    return table


def add_page(app: FastAPI, table: Mapping[str, File]) -> None:
    """Serve the table below `/`, after every other route."""

    @app.get("/{path:path}", include_in_schema=False)
    async def page(path: str, request: Request) -> Response:
        file = table.get(path)
        if file is None:
            raise HTTPException(404, "there is no such file")
        headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
        if file.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.data, media_type=file.kind, headers=headers)


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, File]]:
    for one in sorted(folder.iterdir(), key=lambda item: item.name):
        if one.name.startswith((".", "_")):
            continue
        kind = KINDS.get(f".{one.name.rpartition('.')[2]}")
        if one.is_dir():
            yield from _walk(one, f"{prefix}{one.name}/")
        elif kind is not None:
            data = one.read_bytes()
            yield prefix + one.name, File(data, kind, f'"{hashlib.sha256(data).hexdigest()[:32]}"')
