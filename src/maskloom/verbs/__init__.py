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
    "convert": Verb(
        "maskloom.verbs.convert:convert", "translate labels between formats", long=True
    ),
    "check": Verb("maskloom.verbs.check:check", "find faults in a data set", long=True),
    "train": Verb("maskloom.verbs.train:train", "train a model on a data set", long=True),
    "predict": Verb("maskloom.verbs.predict:predict", "write masks for images", long=True),
    "evaluate": Verb(
        "maskloom.verbs.evaluate:evaluate", "score masks against the truth", long=True
    ),
    "list": Verb("maskloom.verbs.listing:list_", "list models, methods, formats and more"),
    "demo": Verb("maskloom.verbs.demo:demo", "try all of it on a small generated set", long=True),
}
