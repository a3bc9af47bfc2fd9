"""The product's table of contents: what maskloom can be asked to do, as a literal table.

One module per verb, one typed function of the same name that holds no algorithm and imports
its workers inside. The faces (Python, command line, REST) are derived from these functions.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: its function, its one line of help, and whether it runs for long."""

    target: str
    about: str
    long: bool = False


VERBS: dict[str, Verb] = {
    "init": Verb("maskloom.verbs.init:init", "make a project"),
    "import": Verb(
        "maskloom.verbs.import_:import_", "take labels or images into a project", long=True
    ),
    "export": Verb(
        "maskloom.verbs.export:export", "write a layer of a project in a format", long=True
    ),
    "convert": Verb(
        "maskloom.verbs.convert:convert", "translate labels between formats", long=True
    ),
    "check": Verb("maskloom.verbs.check:check", "find faults in a data set", long=True),
    "train": Verb("maskloom.verbs.train:train", "train a model on a data set", long=True),
    "predict": Verb("maskloom.verbs.predict:predict", "write masks for images", long=True),
    "evaluate": Verb(
        "maskloom.verbs.evaluate:evaluate", "score masks against the truth", long=True
    ),
    "review": Verb("maskloom.verbs.review:review", "list the worst disagreements first", long=True),
    "taxonomy": Verb(
        "maskloom.verbs.taxonomy:taxonomy", "show and change what a project's labels may say"
    ),
    "models": Verb(
        "maskloom.verbs.models:models", "show a trained run, or export its network", long=True
    ),
    "list": Verb(
        "maskloom.verbs.listing:list_",
        "list models, formats and more; layers and runs of a project",
    ),
    "demo": Verb("maskloom.verbs.demo:demo", "try all of it on a small generated set", long=True),
}
