"""A confusion matrix whose cells can be clicked and reached with the arrow keys, and which zooms
when it has many classes.

Class names are set as text, never as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ui.components import browser_code

_MATRIX = browser_code.component("fieldmark_matrix", __file__)

Cell = tuple[str, str]


def matrix(
    cells: pd.DataFrame, order: Sequence[str], *, key: str, selected: Cell | None = None
) -> Cell | None:
    """Draw the matrix; return the cell that was clicked since the last run as (true, predicted).

    `cells` has `true`, `predicted`, `count` and `share` (of the true class's photos, 0 to 1), one
    row for each cell that is not empty. `order`: the class names of both axes. `selected` is
    outlined.
    """
    place = {name: index for index, name in enumerate(order)}
    columns = (cells[name] for name in ("true", "predicted", "count", "share"))
    data = {
        "names": list(order),
        "cells": [
            [place[true], place[predicted], int(count), round(float(share), 4)]
            for true, predicted, count, share in zip(*columns, strict=True)
        ],
        "selected": None,
    }
    if selected is not None and selected[0] in place and selected[1] in place:
        data["selected"] = [place[name] for name in selected]
    opened = _MATRIX(data=data, key=key, on_opened_change=lambda: None).opened
    if not opened:
        return None
    true, predicted = (int(index) for index in opened)
    if max(true, predicted) >= len(order):
        return None
    return order[true], order[predicted]
