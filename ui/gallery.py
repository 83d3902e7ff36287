"""A wall of thumbnails that can be clicked: a small component, since core Streamlit has none.

Names and captions are set as text, never as HTML, so a class called `<script>` is just a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import streamlit as st

CSS = """
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(var(--side), 1fr)); gap: 10px; padding: 2px; }
.photo { display: flex; flex-direction: column; padding: 0; border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius);
  background: var(--st-secondary-background-color); color: var(--st-text-color); font: inherit; text-align: left; overflow: hidden;
  cursor: pointer; }
.photo:hover, .photo:focus-visible { border-color: var(--st-primary-color); outline: 1px solid var(--st-primary-color); }
.frame { aspect-ratio: 4 / 3; width: 100%; background: var(--st-background-color); position: relative; overflow: hidden; }
.frame img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: cover; }
.words { padding: 6px 9px 7px; line-height: 1.3; min-width: 0; }
.title { font-size: 0.86rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; display: block; }
.detail { font-size: 0.76rem; opacity: 0.75; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; display: block; }
.wrong .detail { color: var(--st-red-color); opacity: 1; }
.right .detail { color: var(--st-green-color); opacity: 1; }
"""

JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  let wall = parentElement.querySelector(".wall")
  if (!wall) {
    wall = document.createElement("div")
    wall.className = "wall"
    parentElement.appendChild(wall)
  }
  wall.style.setProperty("--side", data.side + "px")
  const span = (name, text) => {
    const element = document.createElement("span")
    element.className = name
    element.textContent = text
    element.title = text
    return element
  }
  wall.replaceChildren(...data.photos.map((photo) => {
    const button = document.createElement("button")
    button.type = "button"
    button.className = "photo " + photo.tone
    button.setAttribute("aria-label", [photo.title, photo.detail].filter(Boolean).join(", "))
    const frame = document.createElement("span")
    frame.className = "frame"
    const picture = document.createElement("img")
    picture.loading = "lazy"
    picture.alt = photo.title
    picture.src = photo.url
    frame.appendChild(picture)
    const words = document.createElement("span")
    words.className = "words"
    words.appendChild(span("title", photo.title))
    if (photo.detail) words.appendChild(span("detail", photo.detail))
    button.append(frame, words)
    button.onclick = () => setTriggerValue("opened", photo.id)
    return button
  }))
}
"""

_WALL = st.components.v2.component("fieldmark_gallery", css=CSS, js=JS)


@dataclass(frozen=True)
class Photo:
    """One tile. `tone` is '', 'right' or 'wrong' and colours the detail line."""

    id: str
    url: str
    title: str
    detail: str = ""
    tone: str = ""


def gallery(photos: Sequence[Photo], *, key: str, side: int = 168) -> str:
    """Draws the photos; returns the id of the one just clicked (or opened with Enter), else the empty string."""
    result = _WALL(data={"photos": [asdict(photo) for photo in photos], "side": side}, key=key, on_opened_change=lambda: None)
    return str(result.opened or "")
