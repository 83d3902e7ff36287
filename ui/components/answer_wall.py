"""A wall of answers: photo, the likeliest classes as bars, and what to mind. Drawn in one component, so that hundreds stay quick.

Names are set as text, never as HTML. A click hands back the photo's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import streamlit as st

CSS = """
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--side), 1fr)); gap: 12px; padding: 2px; }
.card { display: flex; flex-direction: column; padding: 0; border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
  background: var(--st-secondary-background-color); color: var(--st-text-color); font: inherit; text-align: left; overflow: hidden;
  cursor: pointer; min-width: 0; }
.card:hover, .card:focus-visible { border-color: var(--st-primary-color); outline: 1px solid var(--st-primary-color); }
.frame { aspect-ratio: 3 / 2; width: 100%; background: var(--st-background-color); position: relative; overflow: hidden; display: block; }
.frame img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; }
.words { padding: 8px 10px 10px; line-height: 1.3; display: flex; flex-direction: column; gap: 6px; min-width: 0; width: 100%;
  box-sizing: border-box; }
.name { font-size: 0.76rem; opacity: 0.75; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.sides { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 12px; }
.answer { display: flex; flex-direction: column; gap: 3px; min-width: 0; }
.who { font-size: 0.74rem; font-weight: 600; opacity: 0.8; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.first { font-weight: 600; font-size: 0.95rem; overflow-wrap: anywhere; }
.badges { display: flex; flex-wrap: wrap; gap: 4px; }
.badge { font-size: 0.72rem; padding: 1px 7px; border-radius: 99px; border: 1px solid currentColor; }
.right { color: var(--st-green-color); } .wrong, .failed { color: var(--st-red-color); } .mind { color: var(--st-orange-color); }
.note { font-size: 0.76rem; opacity: 0.85; }
.bar { display: grid; grid-template-columns: minmax(0, 1fr) 3.1em; gap: 6px; font-size: 0.76rem; align-items: center; }
.track { position: relative; border-radius: 4px; overflow: hidden; background: color-mix(in srgb, var(--st-text-color) 8%, transparent); }
.fill { position: absolute; inset: 0 auto 0 0; background: color-mix(in srgb, var(--st-gray-color) 35%, transparent); }
.bar.best .fill { background: color-mix(in srgb, var(--st-primary-color) 40%, transparent); }
.bar.doubt .fill { background: color-mix(in srgb, var(--st-orange-color) 45%, transparent); }
.label { position: relative; display: block; padding: 1px 6px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.value { text-align: right; font-variant-numeric: tabular-nums; }
.time { font-size: 0.72rem; opacity: 0.65; }
"""

JS = """
const made = (kind, name, text) => {
  const element = document.createElement(kind)
  element.className = name
  if (text !== undefined) { element.textContent = text; element.title = text }
  return element
}

const answer = (said) => {
  const box = made("span", "answer")
  if (said.who) box.append(made("span", "who", said.who))
  if (said.failed) { box.append(made("span", "failed", said.failed)); return box }
  box.append(made("span", "first", said.first))
  const badges = made("span", "badges")
  said.badges.forEach(([text, tone]) => badges.append(made("span", "badge " + tone, text)))
  if (said.badges.length) box.append(badges)
  if (said.note) box.append(made("span", "note", said.note))
  said.bars.forEach(({ label, share, tone }) => {
    const bar = made("span", "bar " + tone)
    const track = made("span", "track")
    const fill = made("span", "fill")
    fill.style.width = (100 * share) + "%"
    track.append(fill, made("span", "label", label))
    bar.append(track, made("span", "value", (100 * share).toFixed(1) + "%"))
    box.append(bar)
  })
  box.append(made("span", "time", said.time))
  return box
}

export default function ({ data, parentElement, setTriggerValue }) {
  let wall = parentElement.querySelector(".wall")
  if (!wall) {
    wall = made("div", "wall")
    parentElement.appendChild(wall)
  }
  wall.style.setProperty("--side", data.side + "px")
  wall.replaceChildren(...data.cards.map((card) => {
    const button = made("button", "card")
    button.type = "button"
    button.setAttribute("aria-label", [card.name, ...card.answers.map((said) => said.first || said.failed)].join(", "))
    const frame = made("span", "frame")
    const picture = document.createElement("img")
    picture.loading = "lazy"
    picture.alt = card.name
    picture.src = card.url
    frame.append(picture)
    const words = made("span", "words")
    words.append(made("span", "name", card.name))
    const sides = made("span", "sides")
    sides.append(...card.answers.map(answer))
    words.append(sides)
    button.append(frame, words)
    button.onclick = () => setTriggerValue("opened", card.id)
    return button
  }))
}
"""

_WALL = st.components.v2.component("fieldmark_answers", css=CSS, js=JS)


@dataclass(frozen=True)
class Said:
    """One endpoint's answer on a card. `bars` are {label, share, tone: '' | 'best' | 'doubt'}, `badges` (text, tone) pairs."""

    who: str = ""
    first: str = ""
    failed: str = ""
    note: str = ""
    time: str = ""
    badges: tuple[tuple[str, str], ...] = ()
    bars: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Card:
    """One photo with what each endpoint said of it."""

    id: str
    url: str
    name: str
    answers: tuple[Said, ...] = field(default_factory=tuple)


def answer_wall(cards: Sequence[Card], *, key: str, side: int = 220) -> str:
    """Draws the cards; returns the id of the one just clicked (or opened with Enter), else the empty string."""
    result = _WALL(
        data={"cards": [asdict(card) for card in cards], "side": side},
        key=key,
        on_opened_change=lambda: None,
    )
    return str(result.opened or "")
