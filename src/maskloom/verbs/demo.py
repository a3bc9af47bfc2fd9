"""`demo`: the main job on built-in images, from raw pixels to a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskloom.verbs.python import from_python

if TYPE_CHECKING:
    from maskloom.core.labels import Labels
    from maskloom.core.outcome import Outcome, Table
    from maskloom.core.report import Report
    from maskloom.core.sample import Sample
    from maskloom.verbs.demo_project import DemoProject

SCENES = 240
MARK = ".maskloom-demo"
RECIPE = (
    "encoder=plain", "width=16", "depth=4", "crop=128,128", "batch=8", "lr=0.003",
    "schedule=cosine", "normalize=image", "flip=both", "rotate=45", "scale=0.8,1.25", "color=0.3",
    "ema=0.98",
)  # fmt: skip
METHODS = {"unet": "U-Net trained on generated scenes", "watershed": "Otsu + watershed"}
SCORES = {
    "ap": "AP", "ap50": "AP50", "ap75": "AP75", "f1_50": "F1", "miou": "IoU", "dice": "Dice",
    "pixel_accuracy": "pixels",
}  # fmt: skip


@from_python
def demo(out: Path = Path("demo"), *, seed: int = 0, steps: int = 300) -> Outcome:
    """Check, train, predict and evaluate on built-in images; needs no network and no GPU.

    A small U-Net learns coins from generated scenes alone and is scored on a real photograph
    with a truth drawn by hand, beside Otsu's threshold with a watershed. What it leaves ends in
    a project: the photograph to label, with a list of places to look at first.

    Args:
        out: folder to write; an earlier demo there is replaced.
        seed: of scenes, weights and order.
        steps: batches to train; 300 take about a minute on two cores.

    Returns:
        results: paths, scores of both methods, seconds of each step, places to look at.

    Raises:
        MaskloomError: the folder holds something else or cannot be written.
    """
    from maskloom.core.outcome import Outcome
    from maskloom.verbs.demo_project import make_project, next_table

    seconds: dict[str, float] = {}
    work = _begin(out)
    timed = _Clock(seconds)
    timed(
        "1/6 data: a real photograph of 24 coins with a truth drawn by hand, and "
        f"{SCENES} generated scenes",
        "data",
        lambda: _write_data(work, seed),
    )
    checked = timed("2/6 check: faults in both data sets", "check", lambda: _check(work))
    timed(
        "3/6 train: a small U-Net on the generated scenes alone",
        "train",
        lambda: _train(work, seed, steps),
    )
    timed(
        "4/6 predict: both methods on the photograph, which training never saw",
        "predict",
        lambda: _predict(work),
    )
    reports = timed(
        "5/6 evaluate: the files that predict wrote, against the drawn truth",
        "evaluate",
        lambda: {m: _judge(work, m) for m in METHODS},
    )
    ready = timed(
        "6/6 project: the photograph as images to label, the network's labels beside yours",
        "project",
        lambda: make_project(work, work / "run"),
    )
    table = _table(reports)
    _write_report(work, reports["unet"], (table, next_table(out, ready)))
    _finish(work, out)
    return Outcome(
        {
            "out": str(out), "report": str(out / "report.html"), "run": str(out / "run"),
            "project": str(out / "project"), "layer": ready.layer, "regions": ready.regions,
            "seconds": {k: round(v, 1) for k, v in seconds.items()}, "findings": checked,
            "metrics": {m: dict(r.metrics) for m, r in reports.items()},
        },
        tables=(table,),
        lines=_lines(out, seconds, ready),
    )  # fmt: skip


def _lines(out: Path, seconds: dict[str, float], ready: DemoProject) -> tuple[str, ...]:
    """What to do next; the page that waits comes last."""
    from maskloom.verbs.demo_project import next_steps

    parts = ", ".join(f"{k} {v:.0f}" for k, v in seconds.items())
    return (
        f"done in {sum(seconds.values()):.0f} s ({parts})",
        f"report  {(out / 'report.html').resolve()}",
        *(
            line
            for word, command, what in next_steps(out, ready)
            for line in (f"{word:<8}{command}", f"        {what}")
        ),
    )


def _table(reports: dict[str, Report]) -> Table:
    from maskloom.core.outcome import Table

    return Table(
        "Scores on the real photograph, fractions of 1",
        ["method", *SCORES.values()],
        [[name, *(_cell(reports[m], s) for s in SCORES)] for m, name in METHODS.items()],
        note="AP: ranked coins, right at overlaps of 0.50 to 0.95; F1: coins at 0.50; IoU: pixels",
    )


class _Clock:
    """Announces a step, runs it, and notes its seconds."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    def __call__(self, text: str, name: str, work: Callable[[], Any]) -> Any:
        from maskloom.work.progress import step

        step(text)
        start = time.perf_counter()
        result = work()
        self.seconds[name] = time.perf_counter() - start
        return result


def _begin(out: Path) -> Path:
    """An empty folder to work in; what lies at the target stays until the demo is whole."""
    from maskloom.errors import WriteError
    from maskloom.store.files import PARTIAL, claim_partial, writing

    with writing(out):
        ours = (out / MARK).is_file() or not out.exists()
        if not ours and (not out.is_dir() or any(out.iterdir())):
            raise WriteError(
                "the target exists and is no earlier demo",
                where=out,
                hint="choose another folder: maskloom demo OUT",
            )
        partial = out.with_name(out.name + PARTIAL)
        claim_partial(partial)
        work = partial / "whole"
        work.mkdir()
        (work / MARK).touch()
    return work


def _finish(work: Path, out: Path) -> None:
    """Put the finished demo in the place of an earlier one."""
    import shutil

    from maskloom.store.files import writing

    with writing(out):
        if out.exists():
            shutil.rmtree(out)
        work.replace(out)
        shutil.rmtree(work.parent)


def _write_data(out: Path, seed: int) -> None:
    from maskloom.store.demo_data import generated_samples, real_samples
    from maskloom.work.progress import track

    _save(out / "real", real_samples(out / "raw"))
    scenes = generated_samples(out / "raw", SCENES, seed)
    _save(out / "scenes", track(scenes, "drawing scenes", SCENES, "scene"))


def _save(folder: Path, samples: Iterable[tuple[Sample, Labels]]) -> None:
    """Write one COCO data set whose images are moved into it."""
    import shutil

    from maskloom.formats.detect import load_format
    from maskloom.store.demo_data import COIN

    fmt = load_format("coco")
    writer = fmt.writer(folder, COIN, fmt.WriteOptions(images="link"), {})
    raw = folder.parent / "raw"
    for sample, labels in samples:
        writer.put(sample, labels)
    writer.finish({})
    shutil.rmtree(raw)


def _check(out: Path) -> dict[str, Any]:
    from maskloom.verbs.check import check
    from maskloom.work.progress import step

    found = {}
    for name, what in (("real", "the photograph"), ("scenes", "the generated scenes")):
        step(f"checking {what}")
        found[name] = check(out / name, fail_on="never").results["findings"]
    return found


def _train(out: Path, seed: int, steps: int) -> None:
    from maskloom.verbs.train import train

    train(out / "scenes", out=out / "run", steps=steps, val="0.1", seed=seed, set_=RECIPE)


def _predict(out: Path) -> None:
    from maskloom.verbs.predict import predict

    for method in METHODS:
        model = str(out / "run") if method == "unet" else method
        predict(str(out / "real"), model=model, out=out / "predicted" / method)


def _judge(out: Path, method: str) -> Report:
    from maskloom.formats.detect import read_dataset
    from maskloom.metrics.judging.judge import Terms, judge

    predicted = read_dataset(out / "predicted" / method)
    return judge(read_dataset(out / "real"), predicted, Terms("instance"))


def _cell(report: Report, name: str) -> str:
    value = report.metrics.get(name)
    return "-" if value is None else f"{value:.3f}"


def _write_report(out: Path, report: Report, tables: tuple[Table, ...]) -> None:
    from dataclasses import replace

    from maskloom.core.run import Run
    from maskloom.formats.detect import read_dataset
    from maskloom.metrics.judging.judge import Terms
    from maskloom.metrics.judging.pictures import error_panels
    from maskloom.report.html import write_html

    real = read_dataset(out / "real")
    panels = []
    for method, name in METHODS.items():
        predicted = read_dataset(out / "predicted" / method)
        judged = report if method == "unet" else _judge(out, method)
        shown = error_panels(judged, real, predicted, Terms("instance"), worst=1, best=0)
        panels += [replace(panel, group=name) for panel in shown]
    run = Run.load(out / "run")
    provenance = {
        **report.provenance,
        "weights sha256": run.weights_sha256,
        "training data sha256": run.data["train"]["sha256"],
        "truth sha256": real.content_hash(),
    }
    report = replace(
        report,
        title="Coins: a network that saw generated scenes only, on a real photograph",
        provenance=provenance,
    )
    facts = {
        "Truth": "24 coins of one photograph, outlined by hand",
        "Training": f"{SCENES} generated scenes, no photograph",
        "Uncertainty": "half a pixel of outline moves IoU by 0.04",
    }
    write_html(report, out / "report.html", panels=panels, facts=facts, tables=tables)
