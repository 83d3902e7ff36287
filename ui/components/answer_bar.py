"""A bar over the page with what an action did and one button, such as Undo."""

from __future__ import annotations

from ui.components import browser_code

SECONDS = 12
_BAR = browser_code.component("fieldmark_answer_bar", __file__)


def show(answer_id: str, words: str, action: str, *, key: str) -> bool:
    """Show the bar and return whether its button was pressed; an empty `answer_id` hides it.

    The bar of one id disappears after some seconds and doesn't come back.
    """
    data = {"id": answer_id, "words": words, "action": action, "seconds": SECONDS}
    result = _BAR(data=data, key=key, height=0, on_acted_change=lambda: None)
    return bool(answer_id) and result.acted == answer_id
