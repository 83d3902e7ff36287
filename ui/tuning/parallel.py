"""Parallel coordinates: one line per trial across all hyperparameters and the objective, with axes that can be brushed.

A small component, because a brush has to come back to the page: it is a filter for every other chart, too. Names are set as text,
never as HTML.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.tuning import importance
from core.tuning.leaderboard import Board, Trial
from core.tuning.space import Range
from ui.tuning import filters as tuning_filters
from ui.tuning import leaderboard as tuning_board
from ui.tuning.filters import OBJECTIVE, Filters

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
    const frame = document.createElement("div")
    frame.appendChild(svg)
    parentElement.appendChild(frame)
    new ResizeObserver(() => svg.redraw && svg.redraw()).observe(frame)
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
    const parts = [make("line", { x1: x, x2: x, y1: down(0), y2: down(1), class: "axis" })]
    parts.push(make("text", { x, y: 16, class: "name" }, axis.label))
    for (const [position, label] of axis.ticks) {
      parts.push(make("line", { x1: x - 4, x2: x, y1: down(position), y2: down(position), class: "axis" }))
      parts.push(make("text", { x: x + 6, y: down(position) + 4, class: "tick" }, label))
    }
    const brush = data.brushes[axis.name]
    const [from, to] = brush ? [down(brush[1]), down(brush[0])] : [0, 0]
    const shown = make("rect", { x: x - 9, width: 18, y: from, height: to - from, class: "brush" })
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
    const width = svg.parentElement.clientWidth || 700
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
    known = [
        trial
        for trial in filters.listed(board)
        if trial.value is not None and importance.inside(trial, board.space)
    ]
    if not known:
        st.caption("No trial with a value is shown.")
        return
    axes = tuning_filters.axes(board)
    best = board.best()
    key = f"tu_parallel_{board.job.id}"
    data = {
        "axes": [_axis(name, values, board) for name, values in axes.items()],
        "lines": [_line(trial, axes, board, filters, best) for trial in reversed(known)],
        "brushes": tuning_filters.brushes(board, filters),
        "alt": "Parallel coordinates of the trials",
    }
    _PLOT(
        data=data,
        key=key,
        on_brushes_change=lambda: _brushed(board, key),
        on_opened_change=lambda: _opened(key),
    )
    st.caption(
        "Drag along an axis to keep a part of it, and every chart follows; click on it to keep all. A click on a line opens its trial."
    )


def _brushed(board: Board, key: str) -> None:
    tuning_filters.brush(board, dict(st.session_state[key].get("brushes") or {}))


def _opened(key: str) -> None:
    if number := st.session_state[key].get("opened"):
        tuning_board.open_trial(int(number))


def _axis(name: str, values: Range, board: Board) -> dict[str, Any]:
    label = (
        board.objective.title.lower()
        if name == OBJECTIVE
        else name.replace("_", " ") + (" (log)" if values.log else "")
    )
    if values.kind == "choice":
        step = max(1, len(values.choices) // MAX_LABELLED_CHOICES)
        ticks = [[values.position(text), text] for text in values.choices[::step]]
    else:
        ticks = [[place, f"{values.at(place):.4g}"] for place in (0, 0.25, 0.5, 0.75, 1)]
    return {"name": name, "label": label, "ticks": ticks}


def _line(
    trial: Trial, axes: dict[str, Range], board: Board, filters: Filters, best: Trial | None
) -> dict[str, Any]:
    height = axes[OBJECTIVE].position(f"{trial.value:.12g}")
    values = ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in trial.params.items())
    return {
        "trial": trial.number,
        "positions": [
            *(board.space[name].position(trial.params[name]) for name in board.space),
            height,
        ],
        "shade": height if board.objective.maximize else 1 - height,
        "inside": filters.inside(trial),
        "best": best is not None and trial.id == best.id,
        "words": f"Trial {trial.number}: {trial.value:.4f}; {values}",
    }
