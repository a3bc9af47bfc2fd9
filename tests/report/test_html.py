from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from maskloom.core.outcome import Table
from maskloom.core.report import Confusion, Report
from maskloom.errors import WriteError
from maskloom.report.gallery import VOID_NAME, Panel
from maskloom.report.html import render, write_html


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        if data.strip():
            self.words.append(data.strip())


@pytest.fixture
def panel():
    picture = np.zeros((20, 30, 3), np.uint8)
    return Panel(
        "<img src=x>", "caption & more", 0.125, (("Image", picture), ("Errors", picture)),
        legend=(("sky", (1, 2, 3)),), errors=(("missed", (86, 180, 233)),), group="Worst images",
    )  # fmt: skip


def test_the_page_asks_nothing_of_any_network(report, panel):
    text = render(report, panels=[panel])
    assert re.findall(r"https?://[^\"' ]+", text) == []
    page = Page(text)
    fetched = [v for _, n, v in page.attributes if n in ("src", "href", "srcset", "data")]
    assert fetched
    assert all(value.startswith("data:") for value in fetched)
    assert "url(" not in text
    assert "@import" not in text
    assert any("default-src 'none'" in value for _, _, value in page.attributes)


def test_hostile_names_stay_text(report, panel):
    page = Page(render(report, panels=[panel], facts={"<u>": "<u>"}))
    assert page.tags.count("script") == 1
    assert page.tags.count("img") == 2
    assert not {"i", "b", "u"} & {t for t in page.tags if t == "u"}
    assert [n for _, n, _ in page.attributes if n.startswith("on")] == []
    assert "<script>alert('x')</script>" in " ".join(page.words)


def test_every_class_every_sample_and_every_score_is_on_the_page(report):
    words = Page(render(report)).words
    for row in report.per_class.values():
        assert row["name"] in words
    for row in report.per_sample:
        assert row["key"] in words
    for text in ("0.500", "12.250", "own score", "Calibration error", "a note with <b>marks</b>"):
        assert text in words
    assert any("no probabilities" in word for word in words)
    assert "ab" * 32 in words


def test_classes_are_listed_lowest_first_and_undefined_last(report):
    words = Page(render(replace(report, confusion=None, curves=()))).words
    names = [report.per_class[k]["name"] for k in ("k1", "k0", "k2")]
    at = [words.index(name, words.index("Classes")) for name in names]
    assert at == sorted(at)


def test_the_verdict_names_the_score_the_weakest_class_and_image(report):
    text = " ".join(Page(render(report)).words)
    assert "Mean IoU is 0.500 over 15 images; the weakest class is <script>" in text
    assert "(0.100)" in text
    assert "own verdict" in " ".join(Page(render(report, verdict="own verdict")).words)


def test_confusion_cells_give_percent_and_count():
    matrix = np.array([[90, 10], [1, 999]])
    page = Page(render(Report(
        "t", "semantic", {}, confusion=Confusion(matrix, ("a", "b"), ("a", "b"))
    )))  # fmt: skip
    titles = [v for t, n, v in page.attributes if t == "td" and n == "title"]
    assert titles[0] == "a → a: 90 px, 90.00 % of a"
    assert titles[2] == "b → a: 1 px, 0.10 % of b"
    shown = [w for w in page.words if w in ("90", "10", "<1", ">99")]
    assert shown[:4] == ["90", "10", "<1", ">99"]


@pytest.mark.parametrize("n", [1, 2, 30])
def test_a_confusion_of_any_number_of_classes_has_a_cell_per_pair(n):
    names = tuple(f"class {i}" for i in range(n))
    confusion = Confusion(np.ones((n, n + 1), np.int64), names, (*names, "void"))
    page = Page(render(Report("t", "semantic", {}, confusion=confusion)))
    cells = [v for t, name, v in page.attributes if t == "td" and name == "class" and v[0] == "h"]
    assert len(cells) == n * (n + 1)


def test_a_report_without_anything_is_a_page():
    page = Page(render(Report("nothing", "semantic", {})))
    assert "nothing" in page.words
    assert "table" not in page.tags


def test_further_tables_are_drawn_with_their_note(report):
    rows = [("<hole>", 3, 0.5, 0.1), ("sliver", None, 0.5, 0.1)]
    table = Table("Findings", ("check", "up to 1 px", "dAP", "miou"), rows, note="two kinds")
    words = Page(render(report, tables=[table])).words
    assert {"Findings", "<hole>", "3", "–", "two kinds"} <= set(words)
    # headings begin with a capital like those of scores, but names keep their own letters
    assert {"Check", "Up to 1 px", "dAP", "Mean IoU"} <= set(words)


def test_the_page_declares_both_colour_schemes_and_paper(report):
    text = render(report)
    for rule in ("prefers-color-scheme: dark", "@media print", "details-content"):
        assert rule in text
    assert 'name="viewport"' in text


def test_a_page_is_written_whole_or_not_at_all(report, tmp_path):
    target = tmp_path / "report.html"
    write_html(report, target)
    assert target.read_text(encoding="utf-8").endswith("</html>")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError):
        write_html(report, tmp_path / "file" / "report.html")


def test_ten_thousand_samples_make_less_than_five_megabytes():
    rows = tuple({"key": f"scene/{i:05d}", "miou": i / 1e4, "dice": i / 1e4} for i in range(10_000))
    text = render(Report("many", "semantic", {"miou": 0.5}, per_sample=rows))
    assert len(text.encode()) < 5_000_000
    assert "scene/09999" in text


def many_classes(**scores):
    """Eight classes that occur and two that occur nowhere."""
    rows = {
        f"k{i}": {"name": f"class {i}", "iou": i / 10, "truth_pixels": 9, **scores}
        for i in range(8)
    }
    empty = {"iou": None, "truth_pixels": 0, "predicted_pixels": 0, **dict.fromkeys(scores)}
    return {**rows, "k8": {"name": "class 8", **empty}, "k9": {"name": "class 9", **empty}}


def test_classes_on_neither_side_are_left_out_and_counted():
    names = tuple(f"class {i}" for i in range(10))
    matrix = np.diag([5] * 8 + [0] * 2)
    matrix = np.hstack([matrix, np.zeros((10, 1), np.int64)])
    confusion = Confusion(matrix, names, (*names, "void"))
    page = Page(render(Report("t", "semantic", {}, per_class=many_classes(), confusion=confusion)))
    assert {"class 7", "class 0"} <= set(page.words)
    assert not {"class 8", "class 9", "void"} & set(page.words)
    text = " ".join(page.words)
    assert "2 classes that occur on neither side are left out" in text
    assert "2 classes on neither side left out" in text
    cells = [v for t, name, v in page.attributes if t == "td" and name == "class" and v[0] == "h"]
    assert len(cells) == 64


def test_every_class_has_its_colour_whatever_the_pictures_show():
    colors = {f"k{i}": (i, 2, 3) for i in range(10)}
    page = Page(render(Report("t", "semantic", {}, per_class=many_classes(), colors=colors)))
    swatches = [v for t, n, v in page.attributes if t == "i" and n == "style"]
    assert swatches == [f"background:#{i:02x}0203" for i in range(8)]


def test_equals_at_the_bottom_are_counted_not_named():
    rows = {f"k{i}": {"name": f"class {i}", "pq": float(i > 2)} for i in range(5)}
    text = render(Report("t", "panoptic", {"pq": 0.4}, per_class=rows))
    assert "3 of 5 classes share the lowest score (0.000)" in text
    rows = {f"k{i}": {"name": f"class {i}", "pq": i / 5} for i in range(5)}
    words = Page(render(Report("t", "panoptic", {"pq": 0.4}, per_class=rows))).words
    assert any("the weakest class is class 0 (0.000)" in word for word in words)
    assert words[words.index("Class") :].index("class 0") < words[words.index("Class") :].index(
        "class 1"
    )


def test_a_wide_class_table_keeps_its_main_scores_and_folds_the_rest():
    more = dict.fromkeys(("ap", "ap50", "ap_small", "ap_medium", "f1_50", "dice", "accuracy"), 0.5)
    words = Page(render(Report("t", "instance", {}, per_class=many_classes(**more)))).words
    head = words[words.index("Class") :]
    assert head[:6] == ["Class", "AP", "AP50", "Object F1", "Pixel IoU", "Pixel Dice"]
    assert head[6] == "Pixel recall"
    assert "3 more scores of each class" in words
    assert "AP at 0.50" not in words


def test_one_class_has_its_scores_below_one_another():
    row = {"name": "cell", "ap": 0.5, "ap50": 0.75, "iou": 0.6, "dice": 0.7}
    words = Page(render(Report("t", "instance", {}, per_class={"cell": row}))).words
    at = words.index("Scores of cell")
    assert words[at + 1 : at + 6] == ["Score", "cell", "AP", "0.500", "AP50"]


def test_numbers_as_text_stand_right_and_commands_keep_their_words():
    table = Table(
        "", ("method", "AP", "command"),
        [("a", "0.612", "maskloom predict X --out Y"), ("b", "-", "make")],
    )  # fmt: skip
    page = Page(render(Report("t", "instance", {}), tables=[table]))
    assert [v for t, n, v in page.attributes if t == "th" and n == "class"] == ["t"]
    assert page.tags.count("code") == 2
    assert {"maskloom", "predict", "--out"} <= set(page.words)


def test_links_say_what_they_need(panel):
    assert "maskloom label PROJECT" not in render(Report("t", "instance", {}), panels=[panel])
    linked = replace(panel, link="http://127.0.0.1:8471/#/review/1")
    assert "maskloom label PROJECT" in render(Report("t", "instance", {}), panels=[linked])


def test_void_is_striped_in_the_legend_and_no_class_is(panel):
    grey = replace(panel, legend=(("Sky", (128, 128, 128)), (VOID_NAME, (128, 128, 128))))
    page = Page(render(Report("t", "semantic", {}), panels=[grey]))
    sky, void = [v for t, n, v in page.attributes if t == "i" and n == "style"][:2]
    assert sky == "background:#808080"
    assert "repeating-linear-gradient" in void


@pytest.mark.browser
def test_a_table_wider_than_the_page_says_so_and_fades_until_its_end_is_seen(report, tmp_path):
    from playwright.sync_api import sync_playwright

    wide = Table("Many", ("row", *(f"score {i}" for i in range(24))), [("a", *[0.5] * 24)])
    write_html(replace(report, curves=()), tmp_path / "page.html", tables=[wide])
    state = "s => [s.classList.contains('wide'), s.classList.contains('more')]"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for width in (1440, 820):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto((tmp_path / "page.html").as_uri())
            table = page.get_by_role("region", name="row table")
            assert table.evaluate(state) == [True, True]
            assert "linear-gradient" in table.evaluate("s => getComputedStyle(s).maskImage")
            table.evaluate("s => { s.scrollLeft = 1e6 }")
            page.wait_for_function("!document.querySelector('.scroll').matches('.more')")
            assert table.evaluate(state) == [True, False]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()


@pytest.mark.browser
def test_headings_of_a_small_confusion_matrix_stand_apart(tmp_path):
    from playwright.sync_api import sync_playwright

    names = ("nucleus", "background")
    report = Report("t", "semantic", {}, confusion=Confusion(np.eye(2, dtype=int), names, names))
    write_html(report, tmp_path / "page.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto((tmp_path / "page.html").as_uri())
        boxes = [span.bounding_box() for span in page.locator(".heat thead span").all()]
        browser.close()
    assert boxes[0]["x"] + boxes[0]["width"] + 8 <= boxes[1]["x"]
