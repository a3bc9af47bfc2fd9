"""`train`: a data set to a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.outcome import Outcome


@from_python
def train(
    data: Path,
    *,
    out: Path | None = None,
    model: str = "auto",
    task: Literal["auto", "semantic", "instance", "panoptic"] = "auto",
    epochs: int | None = None,
    steps: int | None = None,
    val: str = "auto",
    split: str | None = None,
    seed: int = 0,
    resume: bool = False,
    resume_from: Path | None = None,
    from_: str | None = None,
    images: Path | None = None,
    map_: tuple[str, ...] = (),
    skip_bad: bool = False,
    set_: tuple[str, ...] = (),
) -> Outcome:
    """Train a model on labelled images.

    Args:
        data: a project, one of its layers, or a data set in any known format.
        out: folder of the run to write; a project keeps its own as PROJECT/runs/N.
        model: name of the model; see `maskloom list models`; auto is that of the run to start
            from, else unet.
        task: semantic (a class per pixel), instance (objects) or panoptic (both, each pixel once);
            auto decides by the labels and their format.
        epochs: passes over the training data; 30 if neither epochs nor steps are given.
        steps: batches in all.
        val: what to validate on: a fraction, a split's name, group:NAME, another data set, or same
            for the training samples themselves (only to see whether a model learns at all);
            auto is the split val where there is one, else what the run to start from was
            validated on, else a fifth of the training samples.
        split: which split to train on; train where there is one, else all samples.
        seed: of weights, order and augmentation.
        resume: go on with a run that was killed.
        resume_from: a run whose weights to start from, and whose model and recipe to take where
            nothing else is said, at a tenth of its learning rate; scored on the same samples
            before, to compare with. runs/7 is found in the project.
        from_: format of the data, if it should not be detected.
        images: where the images lie, if not with the labels.
        map_: OLD=NEW renames or merges categories.
        skip_bad: leave invalid annotations out instead of refusing the file.
        set_: KEY=VALUE of the recipe, of the model (model.KEY) or of the format (from.KEY).

    Returns:
        results: the run's path, scores, steps, seconds, images per second, hashes; and
        before_after, where it started from another run.

    Raises:
        MaskloomError: whatever is wrong with data, options or target.
    """
    from maskloom.work.threads import yield_while_waiting

    yield_while_waiting()
    from maskloom.training.request import TrainRequest, checked

    request = checked(
        TrainRequest(
            data=data,
            out=out,
            model=model,
            task=task,
            epochs=epochs,
            steps=steps,
            val=val,
            split=split,
            seed=seed,
            resume=resume,
            resume_from=resume_from,
            from_=from_,
            images=images,
            map_=map_,
            skip_bad=skip_bad,
            set_=set_,
        )
    )
    from maskloom.training.verb import train_run

    return train_run(request)
