"""Parallel coordinates: one line per trial across all hyperparameters and the objective, with axes that can be brushed.

A small component, because a brush has to come back to the page: it is a filter for every other chart, too. Names are set as text,
never as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.tuning import importance
from core.tuning.leaderboard import Board, Trial
from core.tuning.space import Range
from ui import tuning_board, tuning_filters
from ui.tuning_filters import Filters

OBJECTIVE = "objective"
MAX_LABELLED_CHOICES = 12

CSS = """
.plot { width: 100%; display: block; touch-action: none; user-select: none; font-size: 12px; }
.axis { stroke: var(--st-text-color); stroke-opacity: 0.35; }
.name { fill: var(--st-text-color); font-weight: 600; text-anchor: middle; }
.tick { fill: var(--st-text-color); fill-opacity: 0.75; paint-order: stroke; stroke: var(--st-background-color); stroke-width: 3px; }
.line { fill: none; stroke-width: 1.6; stroke-opacity: 0.75; cursor: pointer; }
.line.out { stroke: var(--st-border-color) !important; stroke-opacity: 0.35; stroke-width: 1; }
.line.best { stroke-width: 3; stroke-opacity: 1; }
.line:hover { stroke-width: 4; stroke-opacity: 1; }
.zone { fill: transparent; cursor: crosshair; }
.brush { fill: var(--st-primary-color); fill-opacity: 0.22; stroke: var(--st-primary-color); pointer-events: none; }
"""

JS = """
const SVG = "http://www.w3.org/2000/svg"
const TOP = 44, BOTTOM = 16, SIDE = 70, HEIGHT = 340

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  let svg = parentElement.querySelector("svg")
  if (!svg) {
    svg = document.createElementNS(SVG, "svg")
    svg.setAttribute("class", "plot")
    parentElement.appendChild(svg)
    new ResizeObserver(() => svg.redraw && svg.redraw()).observe(parentElement)
  }
  if (svg.dragging) return
  const make = (name, attributes, text) => {
    const element = document.createElementNS(SVG, name)
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
    if (text !== undefined) element.textContent = text
    return element
  }
  const across = (index, width) => SIDE + (width - 2 * SIDE) * (data.axes.length > 1 ? index / (data.axes.length - 1) : 0.5)
  const down = (position) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - position)
  const up = (y) => Math.min(1, Math.max(0, 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM)))

  const drawLines = (width) => data.lines.map((line) => {
    const points = line.positions.map((position, index) => position === null ? null : [across(index, width), down(position)])
    let path = "", open = false
    for (const point of points) {
      if (!point) { open = false; continue }
      path += (open ? "L" : "M") + point[0].toFixed(1) + " " + point[1].toFixed(1)
      open = true
    }
    const element = make("path", { d: path, class: "line" + (line.inside ? "" : " out") + (line.best ? " best" : ""),
      style: "stroke: color-mix(in oklab, var(--st-primary-color) " + Math.round(line.shade * 100) + "%, var(--st-orange-color))" })
    element.appendChild(make("title", {}, line.words))
    element.onclick = () => setTriggerValue("opened", line.trial)
    return element
  })

  const drawAxis = (axis, index, width) => {
    const x = across(index, width)
    const parts = [make("line", { x1: x, x2: x, y1: down(0), y2: down(1), class: "axis" }), make("text", { x, y: 16, class: "name" }, axis.label)]
    for (const [position, label] of axis.ticks) {
      parts.push(make("line", { x1: x - 4, x2: x, y1: down(position), y2: down(position), class: "axis" }))
      parts.push(make("text", { x: x + 6, y: down(position) + 4, class: "tick" }, label))
    }
    const brush = data.brushes[axis.name]
    const shown = make("rect", { x: x - 9, width: 18, y: brush ? down(brush[1]) : 0, height: brush ? down(brush[0]) - down(brush[1]) : 0, class: "brush" })
    const zone = make("rect", { x: x - 14, width: 28, y: TOP - 8, height: HEIGHT - TOP - BOTTOM + 16, class: "zone" })
    zone.appendChild(make("title", {}, "Drag along the axis to keep a part of it; click to keep all."))
    zone.onpointerdown = (event) => drag(event, axis, zone, shown)
    return [...parts, shown, zone]
  }

  const drag = (event, axis, zone, shown) => {
    const top = svg.getBoundingClientRect().top
    const start = event.clientY - top
    let end = start
    svg.dragging = true
    zone.setPointerCapture(event.pointerId)
    zone.onpointermove = (move) => {
      end = Math.min(down(0), Math.max(down(1), move.clientY - top))
      shown.setAttribute("y", Math.min(start, end))
      shown.setAttribute("height", Math.abs(end - start))
    }
    zone.onpointerup = () => {
      svg.dragging = false
      zone.onpointermove = zone.onpointerup = null
      const brushes = { ...data.brushes }
      delete brushes[axis.name]
      if (Math.abs(end - start) > 4) brushes[axis.name] = [up(Math.max(start, end)), up(Math.min(start, end))]
      setStateValue("brushes", brushes)
    }
  }

  svg.redraw = () => {
    const width = parentElement.clientWidth || 700
    svg.setAttribute("viewBox", "0 0 " + width + " " + HEIGHT)
    svg.setAttribute("height", HEIGHT)
    svg.setAttribute("role", "img")
    svg.setAttribute("aria-label", data.alt)
    svg.replaceChildren(...drawLines(width), ...data.axes.flatMap((axis, index) => drawAxis(axis, index, width)))
  }
  svg.redraw()
}
"""

_PLOT = st.components.v2.component("fieldmark_parallel", css=CSS, js=JS)


def show(board: Board, filters: Filters) -> None:
    """The chart; a brush sets the page's filters, a click on a line opens its trial."""
    known = [trial for trial in filters.listed(board) if trial.value is not None and importance.inside(trial, board.space)]
    if not known:
        st.caption("No trial with a value is shown.")
        return
    low, high = (
        min(trial.value for trial in known if trial.value is not None),
        max(trial.value for trial in known if trial.value is not None),
    )
    best = board.best()
    axes = [_axis(name, values) for name, values in board.space.items()]
    axes.append(
        {
            "name": OBJECTIVE,
            "label": board.objective.title.lower(),
            "ticks": [[place, f"{low + (high - low) * place:.4g}"] for place in (0, 0.5, 1)],
        }
    )
    lines = [
        {
            "trial": trial.number,
            "positions": [*(values.position(trial.params[name]) for name, values in board.space.items()), _place(trial, low, high)],
            "shade": _place(trial, low, high) if board.objective.maximize else 1 - _place(trial, low, high),
            "inside": filters.inside(trial),
            "best": best is not None and trial.id == best.id,
            "words": _words(board, trial),
        }
        for trial in reversed(known)
    ]
    key = f"tu_parallel_{board.job.id}"
    data = {"axes": axes, "lines": lines, "brushes": tuning_filters.brushes(board, filters), "alt": "Parallel coordinates of the trials"}
    _PLOT(data=data, key=key, on_brushes_change=lambda: _brushed(board, key), on_opened_change=lambda: _opened(key))
    st.caption(
        "Drag along an axis to keep a part of it: every chart follows. A click on an axis keeps all of it, a click on a line opens its trial."
    )


def _brushed(board: Board, key: str) -> None:
    tuning_filters.brush(board, dict(st.session_state[key].get("brushes") or {}))


def _opened(key: str) -> None:
    if number := st.session_state[key].get("opened"):
        tuning_board.open_trial(int(number))


def _place(trial: Trial, low: float, high: float) -> float:
    assert trial.value is not None
    return (trial.value - low) / (high - low) if high > low else 0.5


def _axis(name: str, values: Range) -> dict[str, Any]:
    if values.kind == "choice":
        step = max(1, len(values.choices) // MAX_LABELLED_CHOICES)
        ticks = [[values.position(text), text] for text in values.choices[::step]]
    else:
        ticks = [[place, f"{values.at(place):.3g}"] for place in (0, 0.25, 0.5, 0.75, 1)]
    return {"name": name, "label": name.replace("_", " ") + (" (log)" if values.log else ""), "ticks": ticks}


def _words(board: Board, trial: Trial) -> str:
    values = ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in trial.params.items())
    return f"Trial {trial.number}: {trial.value:.4f}; {values}"


def trials_of(filters: Filters, board: Board) -> Sequence[Trial]:
    return filters.shown(board)
