from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import numpy as np
from numba.core.dispatcher import Dispatcher
from maskloom.labelling.warmup import warm_up

def compiled():
    return {
        (name, key): len(value.signatures)
        for name, module in list(sys.modules.items()) if name.startswith("maskloom.core")
        for key, value in vars(module).items() if isinstance(value, Dispatcher)
    }

warm_up()
before = compiled()
from maskloom.edits import gestures
from maskloom.edits.document import Document, apply
from maskloom.core.masks import Masks
from maskloom.edits.operations import new_uid, parse, to_bytes
from maskloom.edits.tiles import encode_tile

document, size = Document((600, 800), "rows"), (600, 800)
pixels = np.zeros((256, 256), bool)
pixels[3:90, 50:60] = True
for change in (
    lambda: gestures.create_object("a", {(1, 1): encode_tile(pixels)}, "car"),
    lambda: gestures.replace_pixels(document, "a", {(1, 1): encode_tile(~pixels)}),
    lambda: gestures.set_field(document, "a", "category", "road"),
    lambda: gestures.delete_object("a"),
):
    op = gestures.make(document, "main", "brush", [change()])
    document = apply(document, parse(to_bytes(op), size))
    document.to_json()
assert sum(before.values()) > 0
print(*(key for key, count in compiled().items() if count > before.get(key, 0)))
"""


def test_nothing_is_left_to_compile_when_the_first_stroke_comes():
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stdout + run.stderr
