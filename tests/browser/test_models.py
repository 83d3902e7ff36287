"""What a finished model says about itself: every count leads to its photos, and a photo to where the model looks and which photos are similar."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from core.evaluation import confusion, examples
from core.evaluation.comparison import compare
from core.evaluation.predictions import Predictions
from core.io import files
from core.jobs.run_folder import RunFolder
from core.models import store as models
from tests.browser import steps
from tests.browser.conftest import App

pytestmark = pytest.mark.browser


def answered(model: models.Model, change: Callable[[dict[str, np.ndarray]], None]) -> models.Model:
    """The model with other stored predictions."""
    path = model.folder.predictions
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    change(arrays)
    np.savez(path, **arrays)
    return models.read(model.id)


def mistaken(model: models.Model, every: int) -> models.Model:
    """The model with every n-th photo predicted as the class after its own."""

    def change(arrays: dict[str, np.ndarray]) -> None:
        count = arrays["probabilities"].shape[1]
        for row in range(0, len(arrays["label"]), every):
            arrays["probabilities"][row] = 0.1 / (count - 1)
            arrays["probabilities"][row, (arrays["label"][row] + 1) % count] = 0.9

    return answered(model, change)


def copied(model: models.Model, name: str) -> models.Model:
    """A second model, of a job like the first one's."""
    folder = RunFolder.of(f"{model.id[:-6]}{name.encode().hex()[:6]}")
    shutil.copytree(model.folder.path, folder.path)
    job = files.read_json(folder.spec)
    files.write_json(folder.spec, {**job, "id": folder.path.name, "name": name})
    return models.read(folder.path.name)


def of_classes(model: models.Model, count: int, photos: int) -> models.Model:
    """The model as if it knew so many classes and had been asked about so many photos."""
    classes = [f"Species {number:03d}" for number in range(count)]
    description = json.loads((model.folder.model / models.DESCRIPTION).read_text())
    files.write_json(model.folder.model / models.DESCRIPTION, {**description, "classes": classes})

    def change(arrays: dict[str, np.ndarray]) -> None:
        chance = np.random.default_rng(3)
        rows = chance.integers(0, len(arrays["label"]), photos)
        arrays["path"] = arrays["path"][rows]
        arrays["image_id"] = np.array([f"{number:064x}" for number in range(photos)])
        arrays["split"] = np.array(["test"] * photos)
        arrays["label"] = chance.integers(0, count, photos).astype(np.int32)
        logits = chance.standard_normal((photos, count)).astype(np.float32)
        logits[np.arange(photos), arrays["label"]] += 3.5
        raised = np.exp(logits)
        arrays["probabilities"], arrays["classes"] = (
            raised / raised.sum(axis=1, keepdims=True),
            np.array(classes),
        )

    return answered(model, change)


def cell_of(page: Any, true: str, predicted: str) -> Any:
    """The cell of the matrix on the page."""
    label = re.compile(rf"^true: {re.escape(true)}; predicted: {re.escape(predicted)};")
    return page.get_by_role("button", name=label)


def first_mistake(part: Predictions) -> tuple[str, str, int]:
    pair = confusion.most_confused(part, 1)[0]
    return pair.first, pair.second, len(pair.first_as_second)


@pytest.mark.parametrize("count", [3, 200])
def test_a_click_on_a_cell_of_the_matrix_shows_its_photos(
    small_model: models.Model, app: App, page: Any, count: int
) -> None:
    model = mistaken(small_model, 3) if count == 3 else of_classes(small_model, count, 4000)
    true, predicted, number = first_mistake(model.predictions().of_split("test"))
    steps.visit(page, app.url, f"models?model={model.id}&mo_split=test")
    cell_of(page, true, predicted).click()
    steps.say(page, f"{true} predicted as {predicted}")
    expect(cell_of(page, true, predicted)).to_have_attribute("aria-pressed", "true")
    wall = page.locator('[class*="st-key-mo_cell_"]')
    expect(wall.locator("button.photo")).to_have_count(number)
    wall.locator("button.photo").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"wrong {predicted}")
    assert re.search(r"photo=[0-9a-f]{64}", page.url)


def test_a_photo_opens_by_its_address_with_evidence_and_similar_photos(
    small_model: models.Model, app: App, page: Any
) -> None:
    model = mistaken(small_model, 2)
    test = model.predictions().of_split("test")
    row = int(np.flatnonzero(test.wrong)[0])
    steps.visit(page, app.url, f"models?model={model.id}&photo={test.image_id[row]}")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(str(test.path[row]))
    expect(dialog.locator('[data-testid="stPlotlyChart"]')).to_have_count(1)
    steps.press(page, "Show Grad-CAM")
    for name in (test.names(test.predicted)[row], test.names(test.label)[row]):
        expect(
            dialog.get_by_role("img", name=f"The photo with the evidence for {name} in colour")
        ).to_be_visible()
    similar = dialog.locator("button.photo")
    expect(similar).to_have_count(8)
    expect(similar.first).to_contain_text(re.compile(r"similarity 0\.\d\d\d"))

    before = page.url
    similar.first.click()
    page.wait_for_url(lambda url: "photo=" in url and url != before)
    expect(dialog).to_contain_text("train split")
    dialog.get_by_role("button", name="Close").click()
    page.wait_for_url(lambda url: "photo=" not in url)
    expect(dialog).to_have_count(0)


def test_the_viewer_goes_through_the_whole_wall(
    small_model: models.Model, app: App, page: Any
) -> None:
    model = mistaken(small_model, 2)
    train = model.predictions().of_split("train")
    rows = examples.misclassified(train)
    steps.visit(page, app.url, f"models?model={model.id}&mo_view=Mistakes&mo_split=train")
    steps.tiles(page).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"1 of {len(rows)}")
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text(f"2 of {len(rows)}")
    expect(dialog).to_contain_text(str(train.path[rows[1]]))
    assert str(train.image_id[rows[1]]) in page.url
    page.reload()
    expect(dialog).to_contain_text(f"2 of {len(rows)}")


def test_a_model_trained_elsewhere_appears_in_the_list_by_itself(
    small_model: models.Model, app: App, page: Any
) -> None:
    steps.visit(page, app.url, "models")
    table = page.locator('[data-testid="stDataFrame"]')
    table.wait_for()
    height = table.bounding_box()["height"]
    copied(small_model, "Second")
    page.wait_for_function(
        "height => document.querySelector('[data-testid=stDataFrame]')?.getBoundingClientRect().height > height",
        arg=height,
    )


def test_two_models_are_selected_in_the_list_and_compared(
    small_model: models.Model, app: App, page: Any
) -> None:
    other = copied(small_model, "Second")
    steps.visit(page, app.url, "models")
    table = page.locator('[data-testid="stDataFrame"]')
    for row in (1, 2):
        box = table.bounding_box()
        page.mouse.click(box["x"] + 15, box["y"] + 35 * row + 17)
        steps.settle(page)
    compare_button = page.locator(".st-key-mo_to_compare button").first
    expect(compare_button).to_be_enabled()
    compare_button.click()
    steps.say(page, "McNemar")
    assert "mo_view=Compare" in page.url
    assert other.id in page.url
    assert small_model.id in page.url


def test_two_models_on_the_same_photos(small_model: models.Model, app: App, page: Any) -> None:
    other = mistaken(copied(small_model, "Second"), 3)
    model = mistaken(small_model, 2)
    compared = compare(model.predictions().of_split("train"), other.predictions().of_split("train"))
    assert min(compared.counts.values()) > 0
    steps.visit(
        page, app.url, f"models?model={model.id}&mo_view=Compare&mo_split=train&with={other.id}"
    )
    for group, number in compared.counts.items():
        expect(page.locator(f".st-key-mo_group_{group} button").first).to_have_text(str(number))
    assert steps.metric(page, "McNemar") == f"{compared.p_value:.3f}"
    page.locator(".st-key-mo_group_only_b button").first.click()
    steps.say(page, "only Second right")
    assert "group=only_b" in page.url
    expect(steps.tiles(page)).to_have_count(compared.counts["only_b"])
    steps.tiles(page).first.click()
    expect(page.get_by_role("dialog").locator('[data-testid="stPlotlyChart"]')).to_have_count(2)


def test_a_bar_of_the_reliability_diagram_shows_its_photos(
    small_model: models.Model, app: App, page: Any
) -> None:
    model = mistaken(small_model, 2)
    steps.visit(page, app.url, f"models?model={model.id}&mo_view=Calibration&mo_split=test")
    steps.until_charts(page, 2)
    test = model.predictions().of_split("test")
    inside = int(np.count_nonzero((test.confidence > 13 / 15) & (test.confidence <= 14 / 15)))
    bars = page.locator(".js-plotly-plot").first.locator(".nsewdrag").nth(1).bounding_box()
    page.mouse.click(bars["x"] + bars["width"] * 0.9, bars["y"] + bars["height"] * 0.2)
    steps.say(page, "with a probability from 0.87 to 0.93")
    expect(page.locator('[class*="st-key-mo_bin_"] button.photo')).to_have_count(inside)


def test_a_row_of_the_classes_shows_the_photos_of_the_class(
    small_model: models.Model, app: App, page: Any
) -> None:
    model = mistaken(small_model, 5)
    steps.visit(page, app.url, f"models?model={model.id}&mo_view=Classes&mo_split=test")
    box = page.locator('[data-testid="stDataFrame"]').bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 35 + 17)
    page.get_by_text("lowest probability of the class first").wait_for()
    expect(steps.tiles(page)).not_to_have_count(0)


def placed(page: Any) -> list[tuple[str, str, float, float]]:
    """Every cell of the matrix on the page: true and predicted class, and where its middle is drawn."""
    cells = page.locator(".matrix .cell")
    cells.first.wait_for()
    found = cells.evaluate_all(
        "cells => cells.map(cell => { const box = cell.getBoundingClientRect(); "
        "return [cell.getAttribute('aria-label') || '', box.x + box.width / 2, box.y + box.height / 2] })"
    )
    read = [
        (re.search(r"true: ([^;]+)", label), re.search(r"predicted: ([^;]+)", label), x, y)
        for label, x, y in found
    ]
    return [(true[1], predicted[1], x, y) for true, predicted, x, y in read if true and predicted]


@pytest.mark.parametrize("count", [3, 38, 200])
def test_a_class_that_was_never_predicted_keeps_its_column(
    small_model: models.Model, app: App, page: Any, count: int
) -> None:
    """Every other class is predicted as the one before it, so half of them are never predicted."""

    def change(arrays: dict[str, np.ndarray]) -> None:
        for row, label in enumerate(arrays["label"]):
            arrays["probabilities"][row] = 0.1 / (count - 1)
            arrays["probabilities"][row, label - label % 2] = 0.9

    of_classes(small_model, count, 20 * count)
    model = answered(small_model, change)
    steps.visit(page, app.url, f"models?model={model.id}&mo_split=test")
    cells = placed(page)
    left = {predicted: x for _, predicted, x, _ in cells}
    top = {true: y for true, _, _, y in cells}
    assert len(top) == count
    sides = page.locator(".matrix .body").bounding_box()
    assert abs(sides["width"] - sides["height"]) < 1, "the cells are square"
    step = sides["width"] / count
    order = sorted(top, key=top.__getitem__)
    # The place of each column is that of its class among the rows: the diagonal is one, with gaps where nothing was predicted.
    for place, name in enumerate(order):
        if name in left:
            assert abs(left[name] - (sides["x"] + (place + 0.5) * step)) < max(1.0, step / 4), name
    if count > 3:
        names = page.locator(".matrix .rows span:visible").filter(has_text="Species")
        assert names.count() >= min(count // 2, 15), "as many names as there is room for"


def test_a_large_matrix_zooms_and_names_the_classes_under_the_pointer(
    small_model: models.Model, app: App, page: Any
) -> None:
    model = of_classes(small_model, 200, 4000)
    true, predicted, number = first_mistake(model.predictions().of_split("test"))
    steps.visit(page, app.url, f"models?model={model.id}&mo_split=test")
    cell = cell_of(page, true, predicted)
    small = cell.bounding_box()["width"]
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    assert cell.bounding_box()["width"] > 2 * small - 1
    cell.hover()
    expect(page.locator(".matrix .tip")).to_contain_text(f"True: {true}Predicted: {predicted}")
    expect(page.locator(".matrix .tip")).to_contain_text(f"{number} photo")
    page.get_by_role("button", name="Fit all classes").click()
    assert cell.bounding_box()["width"] == small


def test_the_arrow_keys_reach_the_cells_of_the_matrix(
    small_model: models.Model, app: App, page: Any
) -> None:
    """Every other photo is predicted as the class after its own: each row has two cells."""
    model = mistaken(small_model, 2)
    first, second, third = model.classes
    steps.visit(page, app.url, f"models?model={model.id}&mo_split=train")
    cell_of(page, first, first).focus()
    page.keyboard.press("ArrowRight")
    expect(cell_of(page, first, second)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(cell_of(page, second, second)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    steps.say(page, f"{second} predicted as {third}")
    expect(cell_of(page, second, third)).to_be_focused()
    assert "predicted=" in page.url


def test_the_head_of_a_model_says_what_it_is_and_comes_from(
    small_model: models.Model, app: App, page: Any
) -> None:
    test = small_model.metrics("test")
    steps.visit(page, app.url, f"models?model={small_model.id}&mo_split=test")
    line = page.locator(".st-key-mo_line")
    expect(line.get_by_role("link")).to_contain_text(f"Shapes {small_model.version_id}")
    expect(line).to_contain_text(re.compile(r"fast · lite0@64 · trained .+ in [\d.]+ s"))
    assert steps.metric(page, "Correct") == f"{test['correct']}/{test['n']}"
    assert page.locator(".matrix .body").bounding_box()["y"] < 700
    line.get_by_role("link").click()
    page.wait_for_url(lambda url: f"dataset={small_model.dataset_id}" in url)
