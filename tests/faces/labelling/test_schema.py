"""The OpenAPI document against the rules of OpenAPI, the routes that are there, and real answers."""

from __future__ import annotations

import re

import pytest
from fastapi.openapi.models import OpenAPI
from fastapi.routing import APIRoute

METHODS = {"get", "post", "put", "patch", "delete"}
# Derived from the verbs' signatures, or about the server: `test_rest.py` holds those.
GENERAL = re.compile(r"/api/v1/(verbs|jobs|openapi\.json)|/healthz")


@pytest.fixture
def schema(page):
    return page.get("/api/v1/openapi.json").json()


def operations(schema):
    for path, item in schema["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def routes(page):
    """(path, method) of every route of the application."""
    found, left = set(), [*page.client.app._app.routes]
    while left:
        route = left.pop()
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if isinstance(route, APIRoute):
            if route.include_in_schema:
                found |= {(route.path, method.lower()) for method in route.methods}
        elif inner is not None and hasattr(inner, "routes"):
            left += inner.routes
    return found


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_the_document_is_openapi(schema):
    assert schema["openapi"].startswith("3.1")
    OpenAPI.model_validate(schema)
    for reference in references(schema):
        at = schema
        assert reference.startswith("#/")
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]


def test_it_tells_the_routes_that_are_there_and_no_other(schema, page):
    told = {(path, method) for path, method, _ in operations(schema)}
    assert told == routes(page)


def test_every_route_has_a_name_of_its_own_a_text_and_its_answers(schema):
    names = [one["operationId"] for _, _, one in operations(schema)]
    assert len(set(names)) == len(names)
    for path, method, one in operations(schema):
        if GENERAL.match(path):
            continue
        where = f"{method} {path}"
        assert re.fullmatch(r"[a-z_]+", one["operationId"]), where
        assert one["description"].endswith("."), where
        assert one["tags"], where
        good = [code for code in one["responses"] if code.startswith("2")]
        assert len(good) == 1, where
        if good != ["204"]:
            contents = one["responses"][good[0]]["content"]
            assert all(content["schema"] for content in contents.values()), where
        for code in ("4XX", "5XX"):
            assert "application/problem+json" in one["responses"][code]["content"], where
        if method == "post":
            assert one["requestBody"]["content"]["application/json"]["schema"], where
        named = set(re.findall(r"{(\w+)}", path))
        assert {p["name"] for p in one.get("parameters", ()) if p["in"] == "path"} == named, where
