"""A wall of thumbnails that can be clicked, or selected: a small component, since core Streamlit has none.

Names and captions are set as text, never as HTML, so a class called `<script>` is just a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import streamlit as st

CSS = """
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--side), 1fr)); gap: 10px; padding: 2px; }
.heading { grid-column: 1 / -1; font-size: 0.86rem; padding: 8px 2px 0; border-top: 1px solid var(--st-border-color); }
.cell { position: relative; display: flex; min-width: 0; }
.photo { display: flex; flex-direction: column; width: 100%; min-width: 0; padding: 0; border: 1px solid var(--st-border-color);
  border-radius: var(--st-base-radius); background: var(--st-secondary-background-color); color: var(--st-text-color); font: inherit;
  text-align: left; overflow: hidden; cursor: pointer; }
.photo:hover, .photo:focus-visible { border-color: var(--st-primary-color); outline: 1px solid var(--st-primary-color); }
.photo[aria-pressed="true"] { border-color: var(--st-primary-color); box-shadow: 0 0 0 3px var(--st-primary-color); }
.frame { aspect-ratio: 4 / 3; width: 100%; background: var(--st-background-color); position: relative; overflow: hidden; display: block; }
.frame img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; }
.frame.whole img { object-fit: contain; }
.frame svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.frame rect { fill: none; stroke: var(--st-yellow-color); stroke-width: 2; vector-effect: non-scaling-stroke; }
.words { padding: 6px 9px 7px; line-height: 1.3; min-width: 0; }
.title { font-size: 0.86rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; display: block; }
.detail { font-size: 0.76rem; opacity: 0.75; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; display: block; }
.long .detail { white-space: normal; }
.wrong .detail { color: var(--st-red-color); opacity: 1; }
.right .detail { color: var(--st-green-color); opacity: 1; }
.mark, .open { position: absolute; top: 7px; width: 24px; height: 24px; border-radius: 50%; display: grid; place-items: center;
  font-size: 14px; line-height: 1; color: #fff; background: rgba(0, 0, 0, 0.45); border: 2px solid rgba(255, 255, 255, 0.9); }
.mark { left: 7px; pointer-events: none; }
.photo[aria-pressed="true"] .mark { background: var(--st-primary-color); }
.photo[aria-pressed="true"] .mark::after { content: "\\2713"; }
.open { right: 7px; padding: 0; cursor: pointer; opacity: 0; }
.cell:hover .open, .cell:focus-within .open { opacity: 1; }
.open:focus-visible { outline: 2px solid var(--st-primary-color); }
.bar { display: flex; flex-wrap: wrap; gap: 4px 14px; align-items: baseline; padding: 2px 2px 8px; font-size: 0.86rem; }
.bar button, .bar .count { white-space: nowrap; }
.bar button { border: 0; background: none; padding: 0; font: inherit; color: var(--st-link-color); cursor: pointer;
  text-decoration: underline; }
.bar button:disabled { opacity: 0.4; cursor: default; text-decoration: none; }
.bar .hint { opacity: 0.7; }
"""

JS = """
const element = (kind, name, text) => {
  const made = document.createElement(kind)
  if (kind === "button") made.type = "button"
  made.className = name
  if (text !== undefined) made.textContent = text
  return made
}

const line = (name, text) => {
  const made = element("span", name, text)
  made.title = text
  return made
}

const box = (photo) => {
  const space = "http://www.w3.org/2000/svg"
  const svg = document.createElementNS(space, "svg")
  svg.setAttribute("viewBox", "0 0 " + photo.size[0] + " " + photo.size[1])
  svg.setAttribute("preserveAspectRatio", "xMidYMid meet")
  svg.setAttribute("aria-hidden", "true")
  const rect = document.createElementNS(space, "rect")
  ;["x", "y", "width", "height"].forEach((name, place) => rect.setAttribute(name, photo.box[place]))
  svg.appendChild(rect)
  return svg
}

const tile = (photo) => {
  const button = element("button", "photo " + photo.tone)
  button.dataset.id = photo.id
  button.setAttribute("aria-label", [photo.title, photo.detail].filter(Boolean).join(", "))
  const frame = element("span", photo.box ? "frame whole" : "frame")
  const picture = document.createElement("img")
  picture.loading = "lazy"
  picture.alt = photo.title
  picture.src = photo.url
  frame.appendChild(picture)
  if (photo.box) frame.appendChild(box(photo))
  const words = element("span", "words")
  words.appendChild(line("title", photo.title))
  if (photo.detail) words.appendChild(line("detail", photo.detail))
  button.append(frame, words)
  return button
}

const states = new WeakMap()

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  let wall = parentElement.querySelector(".wall")
  if (!wall) {
    wall = element("div", "wall")
    parentElement.append(element("div", "bar"), wall)
  }
  const bar = parentElement.querySelector(".bar")
  wall.style.setProperty("--side", data.side + "px")
  wall.classList.toggle("long", data.selectable)
  const state = states.get(parentElement) || { chosen: new Set(), anchor: null, timer: null }
  states.set(parentElement, state)
  bar.hidden = !data.selectable
  let group = ""
  wall.replaceChildren(...data.photos.flatMap((photo) => {
    const button = tile(photo)
    const cell = element("div", "cell")
    cell.appendChild(button)
    if (data.selectable) {
      button.firstChild.appendChild(element("span", "mark"))
      const open = element("button", "open", "\\u2922")
      open.setAttribute("aria-label", "Open " + photo.title)
      open.title = "Open"
      open.onclick = () => setTriggerValue("opened", photo.id)
      cell.appendChild(open)
    } else {
      button.onclick = () => setTriggerValue("opened", photo.id)
    }
    const head = photo.group && photo.group !== group ? [element("div", "heading", photo.group)] : []
    group = photo.group
    return [...head, cell]
  }))
  if (!data.selectable) return

  const tiles = [...wall.querySelectorAll(".photo")]
  // What Python says counts, except for what was clicked since and is still on its way there.
  if (state.timer === null) state.chosen = new Set(data.selected)
  const count = element("span", "count")
  const all = element("button", "all", "Select all here")
  const none = element("button", "none", "Clear")
  const hint = element("span", "hint", "Click, Shift-click for a range, arrow keys and space, Ctrl+A, Esc")
  bar.replaceChildren(count, all, none, hint)
  const show = () => {
    tiles.forEach((button) => button.setAttribute("aria-pressed", String(state.chosen.has(button.dataset.id))))
    const here = tiles.filter((button) => state.chosen.has(button.dataset.id)).length
    const elsewhere = state.chosen.size - here
    count.textContent = state.chosen.size + " selected" + (elsewhere ? ", " + elsewhere + " of them on other pages" : "")
    none.disabled = !state.chosen.size
  }
  const tell = () => {
    show()
    clearTimeout(state.timer)
    state.timer = setTimeout(() => {
      state.timer = null
      setStateValue("selected", [...state.chosen])
    }, 250)
  }
  const set = (button, on) => (on ? state.chosen.add(button.dataset.id) : state.chosen.delete(button.dataset.id))
  const toggle = (place, range) => {
    const on = !state.chosen.has(tiles[place].dataset.id)
    const anchor = tiles.findIndex((button) => button.dataset.id === state.anchor)
    const from = range && anchor >= 0 ? anchor : place
    for (let step = Math.min(from, place); step <= Math.max(from, place); step++) set(tiles[step], range || on)
    state.anchor = tiles[place].dataset.id
    tell()
  }
  all.onclick = () => { tiles.forEach((button) => set(button, true)); tell() }
  none.onclick = () => { state.chosen.clear(); tell() }
  tiles.forEach((button, place) => {
    button.onclick = (event) => toggle(place, event.shiftKey)
    button.ondblclick = () => setTriggerValue("opened", button.dataset.id)
  })
  wall.onkeydown = (event) => {
    const place = tiles.findIndex((button) => button.matches(":focus"))
    const columns = getComputedStyle(wall).gridTemplateColumns.split(" ").length
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key]
    if (step && place >= 0) {
      const next = Math.min(tiles.length - 1, Math.max(0, place + step))
      tiles[next].focus()
      if (event.shiftKey) toggle(next, true)
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) all.onclick()
    else if (event.key === "Escape") none.onclick()
    else if (event.key === "o" && place >= 0) setTriggerValue("opened", tiles[place].dataset.id)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  show()
}
"""

_WALL = st.components.v2.component("fieldmark_gallery", css=CSS, js=JS)


@dataclass(frozen=True)
class Photo:
    """One tile. `tone` is '', 'right' or 'wrong' and colours the detail line. Tiles of one `group` in a row share it as a heading.

    `box` (x, y, width, height in pixels of a photo of `size`) is drawn over it, and the photo then shown whole.
    """

    id: str
    url: str
    title: str
    detail: str = ""
    tone: str = ""
    group: str = ""
    box: tuple[float, float, float, float] | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Picked:
    """What a person did on a wall that can be selected from: `opened` is the photo just opened ('' where none), `selected` all chosen."""

    opened: str
    selected: tuple[str, ...]


def gallery(photos: Sequence[Photo], *, key: str, side: int = 168) -> str:
    """Draws the photos; returns the id of the one just clicked (or opened with Enter), else the empty string."""
    data = {"photos": [asdict(photo) for photo in photos], "side": side, "selectable": False}
    return str(
        _WALL(data=data, key=key, on_opened_change=_nothing, on_selected_change=_nothing).opened
        or ""
    )


def select(photos: Sequence[Photo], *, key: str, side: int = 168) -> Picked:
    """As `gallery`, but a click selects; the choice stays while the person turns pages, until `clear`."""
    chosen = selected(key)
    data = {
        "photos": [asdict(photo) for photo in photos],
        "side": side,
        "selectable": True,
        "selected": list(chosen),
    }
    result = _WALL(data=data, key=key, on_opened_change=_nothing, on_selected_change=_nothing)
    return Picked(str(result.opened or ""), tuple(result.selected or ()))


def selected(key: str) -> tuple[str, ...]:
    """What is selected on the wall with this key, known before it is drawn."""
    state = st.session_state.get(key)
    return tuple(state.get("selected") or ()) if state else ()


def clear(key: str) -> None:
    """Selects nothing any more; to be called before the wall is drawn, as a button's callback is."""
    if key in st.session_state:
        st.session_state[key]["selected"] = []


def _nothing() -> None: ...
