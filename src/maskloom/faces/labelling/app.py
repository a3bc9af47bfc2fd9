"""The label server's application: the verbs, the labelling routes and the page, behind a guard.

Every module beside this one adds the routes of one noun; `guard` checks before all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.middleware.gzip import GZipMiddleware

from maskloom.faces.labelling.guard import Guard
from maskloom.faces.labelling.images import add_images
from maskloom.faces.labelling.operations import add_operations
from maskloom.faces.labelling.page import add_page, page_files
from maskloom.faces.labelling.project import add_project
from maskloom.faces.labelling.reviews import add_reviews
from maskloom.faces.labelling.samples import add_samples
from maskloom.faces.labelling.session import add_session
from maskloom.faces.labelling.taxonomy import add_taxonomy
from maskloom.faces.problems import documented_problem
from maskloom.faces.rest import PREFIX, bare_app
from maskloom.faces.signature import Signature
from maskloom.labelling.desk import Desk

_ERRORS: dict[int | str, dict[str, object]] = {
    "4XX": documented_problem("The request is refused; the same again would be, too"),
    "5XX": documented_problem("Not now: keep the work and try again later"),
}


def create_label_app(
    desk: Desk, *, port: int, verbs: Mapping[str, Signature] | None = None
) -> Guard:
    """The application for one project.

    Args:
        desk: the project. Paths that verbs are given must lie under its parent folder.
        port: that it will be served on. Cookies belong to a host and not to a port, so the port
            and the project are in the cookie's name.
        verbs: name → signature; by default the product's own table.
    """
    project = desk.project
    cookie = f"maskloom-{port}-{project.id[:8]}"
    app = bare_app(project.root.parent, verbs=verbs)
    router = APIRouter(prefix=PREFIX, responses=_ERRORS)
    add_session(router, desk, cookie)
    add_project(router, desk)
    add_samples(router, desk)
    add_images(router, desk)
    add_operations(router, desk)
    add_reviews(router, desk)
    add_taxonomy(router, desk)
    app.include_router(router)
    add_page(app, page_files())
    app.add_middleware(GZipMiddleware, minimum_size=4096, compresslevel=4)
    return Guard(app, sessions=desk.sessions, cookie=cookie)
