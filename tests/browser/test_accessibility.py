"""axe-core finds nothing serious on any page, in either theme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from core.backends import LOCAL, EndpointState
from core.jobs.specs import EndpointSpec
from core.models import store as models
from tests import old_homes, page_states, shapes
from tests.backends.watching import settled
from tests.browser import steps
from tests.browser.conftest import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SERIOUS = {"serious", "critical"}
# axe counts it as moderate; without it a screen reader's list of headings has holes.
ALSO = {"heading-order"}
CHANGING_MS = 2_000
# Rules that Streamlit's own markup breaks, which no app can change: the rule, a part of the element
# or of its address in the page, and why it is left.
STREAMLIT: tuple[tuple[str, str, str], ...] = (
    ("scrollable-region-focusable", "<pre", "Chromium itself lets the keyboard scroll a log"),
)
RUN = """
async (rules) => {
  const options = { resultTypes: ["violations"] }
  if (rules) options.runOnly = { type: "rule", values: rules }
  const { violations } = await axe.run(document, options)
  return violations.flatMap(({ id, impact, nodes }) => nodes.map((node) => ({
    rule: id,
    impact,
    target: node.target.flat().join(" "),
    html: node.html.slice(0, 200),
    why: [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; "),
  })))
}
"""


def violations(page: Any, rules: list[str] | None = None) -> list[str]:
    """Return what axe finds on the page and still finds when colours have changed to the end."""
    if not _found(page, rules):
        return []
    page.wait_for_timeout(CHANGING_MS)
    return _found(page, rules)


def _found(page: Any, rules: list[str] | None) -> list[str]:
    """Return one line for each element."""
    expect(page.locator('[data-testid="stSkeleton"]')).to_have_count(0)
    # What is drawn again is faded until it has been.
    expect(page.locator('[data-stale="true"]')).to_have_count(0)
    page.evaluate(AXE_SCRIPT)
    return [
        f"{one['rule']}: {one['target']}\n    {one['html']}\n    {one['why']}"
        for one in page.evaluate(RUN, rules)
        if (one["impact"] in SERIOUS or one["rule"] in ALSO) and not is_excepted(one)
    ]


def is_excepted(one: dict[str, str]) -> bool:
    return any(
        rule == one["rule"] and (part in one["html"] or part in one["target"])
        for rule, part, _ in STREAMLIT
    )


def walk(page: Any, app: App, addresses: list[str]) -> dict[str, list[str]]:
    """Return what axe finds at each address, in the light theme by every rule and in the dark one
    by those that depend on colours."""
    found: dict[str, list[str]] = {}
    for address in addresses:
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        steps.visit(page, app.url, address)
        light = violations(page)
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        background = page.locator('[data-testid="stApp"]')
        expect(background).to_have_css("color-scheme", "dark")
        dark = violations(page, ["color-contrast"])
        found[f"{address} light"], found[f"{address} dark"] = light, dark
    return {where: lines for where, lines in found.items() if lines}


def report(found: dict[str, list[str]]) -> str:
    return "\n".join(f"{where}\n  " + "\n  ".join(lines) for where, lines in found.items())


def test_an_empty_home(app: App, page: Any) -> None:
    found = walk(page, app, list(page_states.PAGES))
    assert not found, report(found)


def test_every_page_and_view_with_data(app: App, page: Any, home: Path, trained_home: Path) -> None:
    old_homes.unpack(old_homes.WORKSTATION, home)
    old_homes.restore_weights(home, trained_home)
    found = walk(page, app, page_states.over_the_old_home())
    assert not found, report(found)


def test_an_endpoint(app: App, page: Any, home: Path, trained_home: Path, tmp_path: Path) -> None:
    old_homes.unpack(old_homes.WORKSTATION, home)
    old_homes.restore_weights(home, trained_home)
    (model,) = [model for model in models.listing() if model.name == "Small"]
    endpoint = settled(LOCAL, LOCAL.deploy(EndpointSpec("Served", model.id, capture_share=1)))
    assert endpoint.state is EndpointState.IN_SERVICE, endpoint.reason
    steps.visit(page, app.url, f"deploy?endpoint={endpoint.id}")
    steps.drop(page, sorted(shapes.draw(tmp_path / "photos").rglob("*.png"))[:3])
    steps.answers(page).nth(0).wait_for()
    answers = violations(page)
    assert not answers, answers
    found = walk(page, app, page_states.of_an_endpoint(endpoint.id))
    LOCAL.delete(endpoint)
    assert not found, report(found)
