from __future__ import annotations

import click
import pytest
from starlette.testclient import TestClient

from maskloom.faces.cli import SERVERS, group
from maskloom.faces.reference import write_reference
from maskloom.faces.rest import create_app
from maskloom.faces.signature import load_verb
from maskloom.verbs import VERBS


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    app = create_app(tmp_path_factory.mktemp("root"), "t")
    return TestClient(app, headers={"Authorization": "Bearer t"})


@pytest.fixture(scope="module")
def schema(client):
    return client.get("/api/v1/openapi.json").json()


def test_command_line_and_rest_offer_the_table_of_verbs(client, schema):
    context = click.Context(group)
    assert group.list_commands(context) == [*VERBS, *SERVERS]
    assert [verb["name"] for verb in client.get("/api/v1/verbs").json()["verbs"]] == [*VERBS]
    posted = {path.rpartition("/")[2] for path in schema["paths"] if "/verbs/" in path}
    assert posted == set(VERBS)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_a_verb_has_the_same_parameters_on_every_face(verb, client, schema):
    signature = load_verb(verb)
    public = {item.public: item for item in signature.parameters}
    command = group.get_command(click.Context(group), verb)
    typed = {
        "verb_" + item.name: item
        for item in signature.parameters
    }  # fmt: skip
    assert {param.name for param in command.params} == {*typed, "json"}
    for param in command.params:
        if param.name != "json":
            item = typed[param.name]
            assert param.required == item.required
            assert isinstance(param, click.Argument) == item.positional
            if not item.positional:
                assert item.flag in param.opts
    listed = next(one for one in client.get("/api/v1/verbs").json()["verbs"] if one["name"] == verb)
    assert [one["name"] for one in listed["parameters"]] == list(public)
    model = schema["components"]["schemas"][f"{verb.title()}Parameters"]
    assert set(model.get("properties", {})) == set(public)
    assert set(model.get("required", [])) == {n for n, item in public.items() if item.required}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_parameter_of_a_verb_is_explained(verb):
    signature = load_verb(verb)
    assert signature.text
    assert [item.public for item in signature.parameters if not item.help] == []
    assert "json" not in {item.public for item in signature.parameters}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_of_every_verb_works(verb, capsys):
    from maskloom.faces.cli import main

    assert main([verb, "--help"]) == 0
    assert "--json FILE" in capsys.readouterr().out


def test_the_reference_page_is_current(checkout):
    page = (checkout / "docs/cli.md").read_text(encoding="utf-8")
    assert page == write_reference(), "run: make format"
