from __future__ import annotations

import ast

import pytest

MODULE_LINES = 300
FUNCTION_LINES = 50
PARAMETERS = 8


@pytest.fixture(scope="module")
def trees(checkout):
    """Every module of the package: path, text, syntax tree."""
    paths = sorted((checkout / "src/maskloom").rglob("*.py"))
    assert paths
    texts = [(path.relative_to(checkout), path.read_text(encoding="utf-8")) for path in paths]
    return [(path, text, ast.parse(text)) for path, text in texts]


def functions(tree):
    return (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_no_module_is_longer_than_300_lines(trees):
    long = {str(path): text.count("\n") for path, text, _ in trees}
    assert {path: lines for path, lines in long.items() if lines > MODULE_LINES} == {}


def test_no_function_is_longer_than_50_lines(trees):
    """Counted without the docstring: a Source with its deviations must not cost code."""
    long = {}
    for path, _, tree in trees:
        for node in functions(tree):
            first = node.body[0]
            said = (
                first.end_lineno - first.lineno + 1
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                else 0
            )
            lines = node.end_lineno - node.lineno + 1 - said
            if lines > FUNCTION_LINES:
                long[f"{path}:{node.name}"] = lines
    assert long == {}


def test_no_function_outside_verbs_takes_more_than_eight_parameters(trees):
    """A verb's parameters are the user's options; nobody calls it by position."""
    wide = {}
    for path, _, tree in trees:
        if "verbs" in path.parts:
            continue
        for node in functions(tree):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            count = len([one for one in given if one.arg not in ("self", "cls")])
            if count > PARAMETERS:
                wide[f"{path}:{node.name}"] = count
    assert wide == {}


def test_every_module_says_what_it_is_in_ten_lines(trees):
    for path, _, tree in trees:
        said = ast.get_docstring(tree)
        assert said, f"{path} has no docstring"
        assert said.count("\n") < 40 if path.name == "errors.py" else said.count("\n") < 10, path
