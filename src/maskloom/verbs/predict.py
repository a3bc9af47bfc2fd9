"""`predict`: images to labels by a machine author."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.outcome import Outcome


@from_python
def predict(
    source: str,
    *,
    model: str,
    out: Path | None = None,
    format: str = "auto",
    from_: str | None = None,
    split: str | None = None,
    images: Path | None = None,
    map_: tuple[str, ...] = (),
    allow_loss: bool = False,
    confidence: bool = True,
    engine: tuple[str, ...] = (),
    workers: int = 1,
    shard: str | None = None,
    set_: tuple[str, ...] = (),
) -> Outcome:
    """Label images with a trained run or a classical method.

    Args:
        source: an image, a folder, a quoted pattern such as "scans/**/*.png", a data set or a
            project.
        model: the folder of a run, or the name of a method (otsu, watershed); runs/7 is found in
            the project.
        out: data set to write; a project keeps predictions as a layer of its own. A broken call
            goes on where it stopped.
        format: format of the target; auto is bitmap for classes, coco for objects, coco-panoptic
            for both.
        from_: treat the source as a data set of this format.
        split: only this split of a data set; @FILE lists keys of images, e.g. @runs/1/val.txt,
            which is found in the project too.
        images: where a data set's images lie, if not with the labels.
        map_: OLD=NEW: a category of the data is called NEW by the model.
        allow_loss: write even if the format cannot hold all of the predictions.
        confidence: keep how sure the model is of each pixel, as OUT/confidence/*.png or in the
            project.
        engine: torch, onnx or openvino compute the network, auto takes the fastest after a short
            measurement; ray spreads the work over a cluster. One of each kind.
        workers: processes that work at once, each with one thread; 0 is one per core.
        shard: i/N: label only the i-th of N shares, 1/N to N/N; the call that completes them
            writes the target.
        set_: KEY=VALUE of the method or run (model.KEY), of the source (from.KEY) or of the
            target (to.KEY).

    Returns:
        results: counts of images and objects, the layer's name or address, the taxonomy.

    Raises:
        MaskloomError: whatever is wrong with source, model, options or target.
    """
    from maskloom.work.threads import yield_while_waiting

    yield_while_waiting()
    from maskloom.inference.request import PredictRequest
    from maskloom.inference.verb import predict_run

    return predict_run(
        PredictRequest(
            source=source,
            model=model,
            out=out,
            format=format,
            from_=from_,
            split=split,
            images=images,
            map_=map_,
            allow_loss=allow_loss,
            confidence=confidence,
            set_=set_,
            engines=engine,
            workers=workers,
            shard=shard,
        )
    )
