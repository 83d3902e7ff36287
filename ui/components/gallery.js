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
  const frame = element("span", photo.box ? "frame whole" : "frame")
  const picture = document.createElement("img")
  picture.loading = "lazy"
  // The words below name it: a reader would otherwise hear them twice.
  picture.alt = ""
  picture.src = photo.url
  frame.appendChild(picture)
  if (photo.box) frame.appendChild(box(photo))
  const words = element("span", "words")
  words.appendChild(line("title", photo.title))
  if (photo.detail) words.appendChild(line("detail", photo.detail))
  button.append(frame, words)
  return button
}

// A cell that looks the same as before is kept, so the focus stays in it and nothing flickers.
const cellOf = (photo, selectable, open, kept) => {
  const look = JSON.stringify([photo, selectable])
  const old = kept.get(photo.id)
  if (old && old.dataset.look === look) return old
  const cell = element("div", "cell")
  cell.dataset.look = look
  const button = tile(photo)
  cell.appendChild(button)
  if (selectable) {
    button.firstChild.appendChild(element("span", "mark"))
    const opener = element("button", "open", "\u2922")
    opener.setAttribute("aria-label", "Open " + photo.title)
    opener.title = "Open"
    opener.onclick = () => open(photo.id)
    cell.appendChild(opener)
  } else {
    button.onclick = () => open(photo.id)
  }
  return cell
}

const fill = (wall, nodes) => {
  const wanted = new Set(nodes)
  ;[...wall.children].forEach((node) => { if (!wanted.has(node)) node.remove() })
  nodes.forEach((node, index) => {
    if (wall.children[index] !== node) wall.insertBefore(node, wall.children[index] || null)
  })
}

const SIDE = "fieldmark.photo_side"
const [SMALLEST, LARGEST] = [90, 330]

const keptSide = () => {
  const side = Number(window.localStorage.getItem(SIDE))
  return side >= SMALLEST && side <= LARGEST ? side : 0
}

// How large the photos are is a person's own choice: the browser keeps it.
const slider = (wall, side) => {
  const label = element("label", "size", "Size")
  const input = document.createElement("input")
  Object.assign(input, { type: "range", min: SMALLEST, max: LARGEST, step: 10 })
  input.value = keptSide() || side
  input.setAttribute("aria-label", "Size of the photos")
  input.oninput = () => {
    wall.style.setProperty("--side", input.value + "px")
    window.localStorage.setItem(SIDE, input.value)
  }
  label.append(input)
  return label
}

const AFTER_DIALOG = 150
const states = new WeakMap()

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  let wall = parentElement.querySelector(".wall")
  if (!wall) {
    wall = element("div", "wall")
    parentElement.append(element("div", "bar"), wall)
  }
  const bar = parentElement.querySelector(".bar")
  wall.style.setProperty("--side", (data.resizable && keptSide() || data.side) + "px")
  wall.classList.toggle("long", data.selectable)
  const state = states.get(parentElement) || { chosen: new Set(), anchor: null, timer: null }
  states.set(parentElement, state)
  bar.hidden = !data.selectable && !data.resizable
  bar.replaceChildren()
  if (data.caption) bar.append(element("span", "caption", data.caption))
  if (state.page !== undefined && state.page !== data.page &&
      parentElement.host && parentElement.host.getBoundingClientRect().top < 0) {
    parentElement.host.scrollIntoView({ block: "start" })
  }
  state.page = data.page
  state.send = setTriggerValue
  const open = (id) => {
    state.opened = id
    state.send("opened", id)
  }
  const focused = wall.querySelector(":focus")
  const focusedId = focused && focused.closest(".cell").querySelector(".photo").dataset.id
  const kept = new Map([...wall.querySelectorAll(".cell")].map((cell) => [
    cell.querySelector(".photo").dataset.id, cell,
  ]))
  let group = ""
  fill(wall, data.photos.flatMap((photo) => {
    const cell = cellOf(photo, data.selectable, open, kept)
    const starts = photo.group && photo.group !== group
    group = photo.group
    return starts ? [element("div", "heading", group), cell] : [cell]
  }))
  const find = (id) => [...wall.querySelectorAll(".photo")].find((button) => button.dataset.id === id)
  if (focusedId !== null && !wall.querySelector(":focus")) {
    const again = find(focusedId)
    if (again) again.focus({ preventScroll: true })
  }
  // The viewer closes: the focus goes to the photo last seen, or to the one it was opened from.
  if (state.onViewed) window.removeEventListener("fieldmark:viewed", state.onViewed)
  state.onViewed = (event) => {
    const button = find(event.detail) || find(state.opened)
    state.opened = null
    // The dialog itself gives the focus back first, to where it was.
    if (button) setTimeout(() => button.focus(), AFTER_DIALOG)
  }
  window.addEventListener("fieldmark:viewed", state.onViewed)
  const end = () => window.removeEventListener("fieldmark:viewed", state.onViewed)
  const tiles = [...wall.querySelectorAll(".photo")]
  const step = (event) => {
    const place = tiles.findIndex((button) => button.matches(":focus"))
    const columns = getComputedStyle(wall).gridTemplateColumns.split(" ").length
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key]
    if (!by || place < 0) return -1
    const next = Math.min(tiles.length - 1, Math.max(0, place + by))
    tiles[next].focus()
    event.preventDefault()
    event.stopPropagation()
    return next
  }
  wall.onkeydown = step
  const sized = data.resizable ? [slider(wall, data.side)] : []
  bar.append(...sized)
  if (!data.selectable) return end

  // What Python says counts, except for what was clicked since and is still on its way there.
  if (state.timer === null) state.chosen = new Set(data.selected)
  const count = element("span", "count")
  const all = element("button", "all", "Select all here")
  const none = element("button", "none", "Clear")
  const keys = "Click, Shift-click for a range, arrow keys and space, Ctrl+A, Esc"
  const hint = element("span", "hint", keys)
  const caption = [...bar.querySelectorAll(".caption")]
  bar.replaceChildren(...caption, count, all, none, hint, ...sized)
  const show = () => {
    tiles.forEach((button) => {
      button.setAttribute("aria-pressed", String(state.chosen.has(button.dataset.id)))
    })
    const here = tiles.filter((button) => state.chosen.has(button.dataset.id)).length
    const elsewhere = state.chosen.size - here
    count.textContent = state.chosen.size + " selected"
    if (elsewhere) count.textContent += ", " + elsewhere + " of them on other pages"
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
  const set = (button, on) => {
    if (on) state.chosen.add(button.dataset.id)
    else state.chosen.delete(button.dataset.id)
  }
  const toggle = (place, range) => {
    const on = !state.chosen.has(tiles[place].dataset.id)
    const anchor = tiles.findIndex((button) => button.dataset.id === state.anchor)
    const from = range && anchor >= 0 ? anchor : place
    for (let step = Math.min(from, place); step <= Math.max(from, place); step++) {
      set(tiles[step], range || on)
    }
    state.anchor = tiles[place].dataset.id
    tell()
  }
  all.onclick = () => { tiles.forEach((button) => set(button, true)); tell() }
  none.onclick = () => { state.chosen.clear(); tell() }
  tiles.forEach((button, place) => {
    button.onclick = (event) => toggle(place, event.shiftKey)
    button.ondblclick = () => open(button.dataset.id)
  })
  wall.onkeydown = (event) => {
    const next = step(event)
    const place = tiles.findIndex((button) => button.matches(":focus"))
    if (next >= 0) {
      if (event.shiftKey) toggle(next, true)
      return
    }
    if (event.key === "a" && (event.ctrlKey || event.metaKey)) all.onclick()
    else if (event.key === "Escape") none.onclick()
    else if (event.key === "o" && place >= 0) open(tiles[place].dataset.id)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  show()
  return end
}
