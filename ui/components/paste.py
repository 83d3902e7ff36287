"""A place to paste an image into, which core Streamlit has not: a picture copied anywhere arrives with Ctrl+V."""

from __future__ import annotations

import base64
import binascii

import streamlit as st

from core import settings
from core.errors import UserError

CSS = """
.place { border: 1px dashed var(--st-border-color); border-radius: var(--st-base-radius); padding: 18px; text-align: center;
  background: var(--st-secondary-background-color); color: var(--st-text-color); font-size: 0.9rem; }
.place:focus-visible { outline: 2px solid var(--st-primary-color); }
.words { margin: 0; } .refused { color: var(--st-red-color); margin: 4px 0 0; }
"""

JS = """
const states = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let place = parentElement.querySelector(".place")
  if (!place) {
    place = document.createElement("div")
    place.className = "place"
    place.tabIndex = 0
    place.setAttribute("role", "button")
    const words = document.createElement("p")
    words.className = "words"
    const refused = document.createElement("p")
    refused.className = "refused"
    place.append(words, refused)
    parentElement.appendChild(place)
  }
  const [words, refused] = place.children
  words.textContent = data.words
  const paste = (event) => {
    const item = [...(event.clipboardData?.items ?? [])].find((one) => one.kind === "file" && one.type.startsWith("image/"))
    const file = item?.getAsFile()
    if (!file) return
    event.preventDefault()
    if (file.size > data.most) { refused.textContent = data.too_large; return }
    refused.textContent = ""
    const reader = new FileReader()
    reader.onload = () => setTriggerValue("pasted", reader.result.split(",")[1])
    reader.readAsDataURL(file)
  }
  document.addEventListener("paste", paste)
  return () => document.removeEventListener("paste", paste)
}
"""

_PLACE = st.components.v2.component("fieldmark_paste", css=CSS, js=JS)


def paste_image(*, key: str) -> bytes:
    """The bytes of an image that was just pasted, else none. Raises UserError for what did not arrive whole."""
    data = {
        "words": "Copy an image anywhere, then press Ctrl+V (on a Mac Cmd+V) here.",
        "most": settings.MAX_IMAGE_BYTES,
        "too_large": f"An image may have at most {settings.MAX_IMAGE_BYTES / 2**20:.0f} MB.",
    }
    result = _PLACE(data=data, key=key, on_pasted_change=lambda: None)
    try:
        return base64.b64decode(result.pasted or "", validate=True)
    except binascii.Error as error:
        raise UserError("The pasted image did not arrive whole. Paste it again.") from error
