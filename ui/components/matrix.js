// Cells are square. Small enough for all classes to fit, and large enough to be seen and clicked.
const SMALLEST = 4
const LARGEST = 52
const NUMBERS_FROM = 19
const LABEL_PIXELS = 11
const LETTER = 6.4
const ZOOM = 1.5

const make = (kind, name, text) => {
  const made = document.createElement(kind)
  if (kind === "button") made.type = "button"
  if (name) made.className = name
  if (text !== undefined) made.textContent = text
  return made
}

const build = (parent) => {
  const root = make("div", "matrix")
  const tools = make("div", "tools")
  const legend = make("span", "legend")
  legend.append(make("i", "right"), make("span", "", "correct"))
  legend.append(make("i", "wrong"), make("span", "", "mistake"))
  legend.append(make("span", "note", "Colour: share of the true class"))
  const zoom = make("span", "zoom")
  for (const [text, label] of [["\u2212", "Zoom out"], ["+", "Zoom in"], ["Fit", "Fit all classes"]]) {
    const button = make("button", "", text)
    button.title = label
    button.setAttribute("aria-label", label)
    zoom.append(button)
  }
  tools.append(legend, zoom)
  const scroll = make("div", "scroll")
  const sheet = make("div", "sheet")
  const corner = make("div", "corner")
  corner.append(make("span", "predicted", "Predicted"), make("span", "true", "True"))
  sheet.append(corner, make("div", "columns"), make("div", "rows"), make("div", "body"))
  scroll.append(sheet)
  root.append(tools, scroll, make("div", "tip"))
  parent.append(root)
  return root
}

const photos = (number) => number.toLocaleString("en") + (number === 1 ? " photo" : " photos")

const words = (names, row, column, count, share) => {
  const part = count ? ", " + Math.round(share * 100) + " % of its photos" : ""
  return "true: " + names[row] + "; predicted: " + names[column] + "; " + photos(count) + part
}

const states = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".matrix") || build(parentElement)
  const find = (name) => root.querySelector(name)
  const [tools, scroll, sheet, tip] = [".tools", ".scroll", ".sheet", ".tip"].map(find)
  const [columns, rows, body] = [".columns", ".rows", ".body"].map(find)
  const size = data.names.length
  const state = states.get(root) || { zoom: 1, drawn: "", buttons: new Map() }
  states.set(root, state)
  const label = Math.min(150, Math.max(70, Math.max(...data.names.map((n) => n.length)) * LETTER + 14))

  const fit = () => {
    const room = Math.max(120, scroll.clientWidth - label - 2)
    return Math.min(LARGEST, Math.max(SMALLEST, Math.floor(room / size)))
  }
  const side = () => Math.min(LARGEST, Math.max(fit(), Math.round(fit() * state.zoom)))

  const draw = () => {
    const cell = side()
    const step = Math.ceil(LABEL_PIXELS / cell)
    root.style.setProperty("--cell", cell + "px")
    root.style.setProperty("--label", label + "px")
    root.style.setProperty("--size", size)
    root.classList.toggle("numbers", cell >= NUMBERS_FROM)
    root.classList.toggle("lines", cell >= 9)
    find(".zoom").hidden = fit() >= NUMBERS_FROM && state.zoom === 1
    for (const axis of [columns, rows]) {
      ;[...axis.children].forEach((name, place) => { name.hidden = place % step !== 0 })
    }
  }

  const fill = () => {
    for (const axis of [columns, rows]) {
      axis.replaceChildren(...data.names.map((name, place) => {
        const made = make("span", "", name)
        made.title = name
        made.style.setProperty("--place", place)
        return made
      }))
    }
    state.buttons = new Map()
    body.replaceChildren(...["row", "column"].map((name) => make("div", "cross " + name)))
    for (const [row, column, count, share] of data.cells) {
      const button = make("button", row === column ? "cell right" : "cell wrong", count)
      button.style.setProperty("--row", row)
      button.style.setProperty("--column", column)
      button.style.setProperty("--mix", Math.max(0.16, Math.sqrt(share)).toFixed(3))
      button.setAttribute("aria-label", words(data.names, row, column, count, share))
      button.tabIndex = -1
      button.dataset.place = row + "," + column
      state.buttons.set(button.dataset.place, { button, row, column, count, share })
      body.append(button)
    }
    const first = state.buttons.values().next().value
    if (first) first.button.tabIndex = 0
  }

  const choose = () => {
    for (const { button } of state.buttons.values()) button.removeAttribute("aria-pressed")
    const chosen = data.selected && state.buttons.get(data.selected.join(","))
    if (chosen) chosen.button.setAttribute("aria-pressed", "true")
  }

  const light = (row, column) => {
    const on = row >= 0
    body.style.setProperty("--row", row)
    body.style.setProperty("--column", column)
    body.classList.toggle("lit", on)
    ;[...rows.children].forEach((name, place) => name.classList.toggle("lit", place === row))
    ;[...columns.children].forEach((name, place) => name.classList.toggle("lit", place === column))
    tip.hidden = !on
    if (!on) return
    const found = state.buttons.get(row + "," + column)
    const count = found ? found.count : 0
    const lines = [
      "True: " + data.names[row],
      "Predicted: " + data.names[column],
      photos(count) + (count ? " (" + Math.round(found.share * 100) + " %)" : ""),
    ]
    tip.replaceChildren(...lines.map((text) => make("span", "", text)))
    const [inside, around] = [body.getBoundingClientRect(), root.getBoundingClientRect()]
    const cell = side()
    const left = inside.x - around.x + (column + 1) * cell + 8
    const width = tip.offsetWidth
    const turned = left + width > around.width ? left - width - cell - 16 : left
    tip.style.left = Math.max(0, turned) + "px"
    tip.style.top = inside.y - around.y + (row + 1) * cell + 8 + "px"
  }
  const dark = () => light(-1, -1)

  const go = (from, across, down) => {
    let best = null
    for (const other of state.buttons.values()) {
      const along = (other.column - from.column) * across + (other.row - from.row) * down
      const aside = Math.abs((other.column - from.column) * down) + Math.abs((other.row - from.row) * across)
      const far = along + size * aside
      if (along > 0 && (!best || far < best.far)) best = { far, other }
    }
    if (!best) return
    from.button.tabIndex = -1
    best.other.button.tabIndex = 0
    best.other.button.focus()
    best.other.button.scrollIntoView({ block: "nearest", inline: "nearest" })
  }

  const zoom = (to, event) => {
    const before = side()
    state.zoom = Math.max(1, Math.min(LARGEST / fit(), to))
    const after = side()
    const view = scroll.getBoundingClientRect()
    const x = event ? event.clientX - view.x - label : (view.width - label) / 2
    const y = event ? event.clientY - view.y - label : (view.height - label) / 2
    const [left, top] = [scroll.scrollLeft, scroll.scrollTop]
    draw()
    dark()
    scroll.scrollLeft = ((left + x) * after) / before - x
    scroll.scrollTop = ((top + y) * after) / before - y
  }

  body.onclick = (event) => {
    const at = state.buttons.get((event.target.closest(".cell") || body).dataset.place)
    if (!at) return
    for (const { button } of state.buttons.values()) button.tabIndex = -1
    at.button.tabIndex = 0
    data.selected = [at.row, at.column]
    choose()
    setTriggerValue("opened", data.selected)
  }
  body.onpointermove = (event) => {
    const box = body.getBoundingClientRect()
    const place = (value) => Math.min(size - 1, Math.max(0, Math.floor(value / side())))
    light(place(event.clientY - box.y), place(event.clientX - box.x))
  }
  body.onpointerleave = dark
  body.onfocusin = (event) => {
    const at = state.buttons.get(event.target.dataset.place)
    if (at && event.target.matches(":focus-visible")) light(at.row, at.column)
  }
  body.onfocusout = dark
  body.onkeydown = (event) => {
    const at = state.buttons.get(event.target.dataset.place)
    const keys = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }
    if (!at || !keys[event.key]) return
    event.preventDefault()
    event.stopPropagation()
    go(at, ...keys[event.key])
  }
  const [out, into, whole] = tools.querySelectorAll("button")
  out.onclick = () => zoom(state.zoom / ZOOM)
  into.onclick = () => zoom(state.zoom * ZOOM)
  whole.onclick = () => zoom(1)
  scroll.onwheel = (event) => {
    if (!event.ctrlKey) return
    event.preventDefault()
    zoom(event.deltaY < 0 ? state.zoom * ZOOM : state.zoom / ZOOM, event)
  }

  const drawn = JSON.stringify([data.names, data.cells])
  if (state.drawn !== drawn) {
    state.drawn = drawn
    state.zoom = 1
    fill()
    dark()
  }
  choose()
  draw()
  if (state.observer) state.observer.disconnect()
  state.observer = new ResizeObserver(draw)
  state.observer.observe(scroll)
}
