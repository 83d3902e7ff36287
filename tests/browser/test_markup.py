"""Names are text: no page makes a link, a picture, an element or a request out of one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from playwright.sync_api import expect

from core.backends import LOCAL, EndpointState
from core.datasets import store
from core.datasets.editing import edits, review
from core.datasets.importing import run as importing
from core.jobs import labels
from core.jobs.specs import EndpointSpec, TrainingSpec, TransformSpec
from core.jobs.store import State, Status
from tests import shapes
from tests.backends.watching import ended, settled
from tests.browser import steps
from tests.browser.conftest import App
from tests.conftest import SMALL
from tests.tuning import made
from ui.text import plain

LINK = "http://evil.example/a www.evil.example zq@evil.example HTTPS://evil.example/b"
PICTURE = "![i](http://evil.example/i.png) <img src=//evil.example/j onerror=zq()>"
MARK = "**zqbold** _zqem_ `zqcode` <b>zqtag</b> :red[zqred] ~~zqdel~~"
CODE = ":smile: :material/home: $zqmath$ &amp; -> a -- b # zqhead [zqlink](x)"
LIST = "1. one *x* | <a href='http://evil.example'>zqanchor</a> <script>zq()</script>"
CLASSES = ("www.evil.example zq@evil.example", ":smile: **zqbold** $zqmath$", "# ![i](x) <b>zqtag")
SLASHED = "<a href=//evil.example>zqanchor</a> http://evil.example"
BLOCKS = ("- a\n# b\n    c", "===", "> q", "+ a", ":)", "<->", "a <= b")

# Whatever is made of a part of a name alone; a name that is shown as a whole is longer.
# What a page says, components in shadow roots included.
TEXT = """() => {
  const text = (root) => root.textContent
    + [...root.querySelectorAll("*")].map((one) => one.shadowRoot ? text(one.shadowRoot) : "").join("")
  return text(document.body)
}"""
SAYS = f"""(names) => {{
  const said = ({TEXT})()
  return names.every((name) => said.includes(name))
}}"""
FOUND = """
() => {
  const leadsAway = (one) =>
    typeof one.href === "string" && one.href && new URL(one.href).host !== location.host
  const parts = ["zqbold", "zqem", "zqcode", "zqtag", "zqred", "zqdel", "zqhead", "zqlink",
    "zqanchor"]
  const made = [...document.querySelectorAll("body *")].filter((one) =>
    parts.includes(one.textContent.trim()) || leadsAway(one) || one.matches(
      '.katex, [src*="evil" i], [onerror], [aria-label="home icon"], svg a'))
  return made.map((one) => one.outerHTML.slice(0, 300))
}
"""


@pytest.mark.parametrize("text", [LINK, PICTURE, MARK, CODE, LIST, *BLOCKS])
def test_markdown_of_a_name_is_one_line(text: str) -> None:
    assert "\n" not in plain(text)


@pytest.fixture
def watched(browser: Any, app: App) -> Iterator[tuple[Any, list[str]]]:
    """A tab, and what it asked of any other host or ran that it should not have."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    tab, seen = context.new_page(), list[str]()
    tab.on("request", lambda request: seen.append(request.url))
    tab.on("dialog", lambda dialog: (seen.append(f"dialog {dialog.message}"), dialog.dismiss()))
    tab.on("pageerror", lambda error: seen.append(f"error {error}"))
    foreign: list[str] = []
    yield tab, foreign
    own = (app.url, app.url.replace("http:", "ws:"), "data:", "blob:", "error")
    foreign += [one for one in seen if not one.startswith(own)]
    context.close()
    assert not foreign


def build(folder: Path) -> dict[str, str]:
    """A home in which every name is an attack; returns the ids."""
    photos = shapes.draw(folder / "photos")
    for name, hostile in zip(shapes.CLASSES, CLASSES, strict=True):
        (photos / name).rename(photos / hostile)
    first = importing.run_import(importing.ImportSource("folder", photos), LINK)
    rows = store.manifest_of(first)
    moved = rows[rows["label"] == CLASSES[0]]["path"]
    version = edits.make(first, [edits.relabel(moved, SLASHED, why=MARK)], note=PICTURE)
    job = ended(LOCAL, LOCAL.train(TrainingSpec(PICTURE, version.dataset_id, version.id, SMALL)))
    assert job.state is State.COMPLETED, job.status.reason
    labels.set_label(job.id, note=f"{LINK} {PICTURE}", tags=(MARK, CODE))
    second = ended(LOCAL, LOCAL.train(TrainingSpec(MARK, version.dataset_id, version.id, SMALL)))
    split = {"dataset_id": version.dataset_id, "version_id": version.id, "split": "all"}
    batch = LOCAL.transform(TransformSpec(CODE, job.id, "split", **split, shown=LINK))
    assert ended(LOCAL, batch).state is State.COMPLETED
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec(LIST, job.id, capture_share=1)))
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
    answer = [{"label": SLASHED, "probability": 0.6}, {"label": CLASSES[1], "probability": 0.4}]
    photo = store.dataset(version.dataset_id).root / rows["path"].iloc[0]
    facts = {"model_id": job.id, "origin": LINK, "label": CLASSES[2], "reason": MARK}
    review.add(photo, shown=PICTURE, answer=answer, **facts)
    tuning = replace(made.spec(), name=CODE, dataset_id=version.dataset_id, version_id=version.id)
    made.job_folder(tuning, Status(State.COMPLETED, MARK, time.time() - 9, time.time()))
    for number in (1, 2):
        made.trial_folder(tuning, number, {"weight_decay": "0.1"}, 30 + number, 0.5)
    failed = TrainingSpec(LIST, version.dataset_id, version.id, SMALL)
    made.job_folder(failed, Status(State.FAILED, f"{LINK} {PICTURE}", time.time() - 9, time.time()))
    return {
        "dataset": version.dataset_id, "job": job.id, "second": second.id, "batch": batch.id,
        "endpoint": endpoint.id, "tuning": tuning.id, "failed": failed.id,
        "photo": quote(str(moved.iloc[0]), safe=""),
    }  # fmt: skip


def addresses(ids: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Every page and view, with names that it has to show letter by letter."""
    dataset, model = f"datasets?dataset={ids['dataset']}", f"models?model={ids['job']}"
    views: dict[str, tuple[str, ...]] = {
        "": (),
        "datasets?view=import": (),
        f"{dataset}&photo_page={ids['photo']}": (SLASHED,),
        "train": (PICTURE, MARK),
        f"train?clone={ids['job']}": (),
        f"train?job={ids['job']}": (PICTURE, LINK),
        f"train?job={ids['failed']}": (LIST, LINK),
        "train?view=compare": (),
        "tune": (CODE,),
        f"tune?job={ids['tuning']}": (CODE,),
        "tune?view=compare": (),
        "models": (),
        "deploy": (LIST, PICTURE),
        f"deploy?model={ids['job']}": (),
        "batch": (CODE,),
        "batch?view=review": (SLASHED, CLASSES[1]),
        "aws": (),
    }
    tabs = ("Photos", "Map", "Issues", "Classes", "Report", "History", "New+version", "Export")
    views |= {f"{dataset}&ds_view={tab}": () for tab in tabs}
    tabs = ("Confusion", "Mistakes", "Photos", "Classes", "Calibration", "Compare", "About")
    views |= {f"{model}&mo_view={tab}": (PICTURE,) for tab in tabs}
    tabs = ("Photos", "Load+test", "Monitor", "Use+it+from+code", "Log")
    views |= {f"deploy?endpoint={ids['endpoint']}&dp_view={tab}": (LIST,) for tab in tabs}
    tabs = ("photos", "table", "classes", "accuracy", "about")
    views |= {f"batch?job={ids['batch']}&ba_view={tab}": (CODE,) for tab in tabs}
    return views


@pytest.mark.browser
@pytest.mark.slow
def test_no_name_is_more_than_text(
    app: App,
    watched: tuple[Any, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FIELDMARK_IMPORT_ROOTS", str(tmp_path))
    page, _ = watched
    wrong: dict[str, Any] = {}
    for address, names in addresses(build(tmp_path)).items():
        steps.visit(page, app.url, address)
        for unopened in page.locator("summary").all():
            unopened.click()
        steps.settle(page)
        expect(page.locator('[data-testid="stSkeleton"]')).to_have_count(0)
        # A table draws itself when its code has been loaded.
        with contextlib.suppress(PlaywrightTimeout):
            page.wait_for_function(SAYS, arg=list(names))
        text = page.evaluate(TEXT)
        missing = [name for name in names if name not in text]
        made_of_names = page.evaluate(FOUND)
        broken = page.locator('[data-testid="stException"]').all_inner_texts()
        odd = [letter for letter in "\U0001f604→—" if letter in text and names]
        if missing or made_of_names or broken or odd:
            wrong[address] = (missing, made_of_names, broken, odd)
    assert not wrong
