const MOST = 12
const QUIET = 100
const AHEAD = 2
const FIELDS = "input, textarea, select, [contenteditable], [role=combobox], [role=listbox]"

const element = (kind, name, text) => {
  const node = document.createElement(kind)
  if (kind === "button") node.type = "button"
  node.className = name
  if (text !== undefined) node.textContent = text
  return node
}

const button = (name, text, label) => {
  const node = element("button", name, text)
  node.setAttribute("aria-label", label)
  node.title = label
  return node
}

const boxOf = (slide) => {
  const space = "http://www.w3.org/2000/svg"
  const svg = document.createElementNS(space, "svg")
  svg.setAttribute("viewBox", "0 0 " + slide.size[0] + " " + slide.size[1])
  svg.setAttribute("preserveAspectRatio", "xMidYMid meet")
  svg.setAttribute("aria-hidden", "true")
  const rect = document.createElementNS(space, "rect")
  ;["x", "y", "width", "height"].forEach((name, index) => {
    rect.setAttribute(name, slide.box[index])
  })
  svg.appendChild(rect)
  return svg
}

const build = (parentElement) => {
  const root = element("div", "viewer")
  const stage = element("div", "stage")
  stage.tabIndex = 0
  stage.setAttribute("role", "group")
  const layer = element("div", "layer")
  const failed = element("div", "failed", "This photo can't be shown.")
  failed.hidden = true
  const previous = button("previous", "\u2039", "Previous photo")
  const next = button("next", "\u203a", "Next photo")
  stage.append(layer, failed, previous, next)
  const foot = element("div", "foot")
  const position = element("span", "position")
  position.setAttribute("aria-live", "polite")
  const hint = element("span", "hint")
  const zoom = element("span", "zoom")
  const closer = button("in", "+", "Zoom in")
  const farther = button("out", "\u2212", "Zoom out")
  const whole = button("whole", "Fit", "Show the whole photo")
  zoom.append(closer, farther, whole)
  foot.append(position, hint, zoom)
  root.append(stage, foot)
  parentElement.append(root)
  return { stage, layer, failed, previous, next, position, hint, closer, farther, whole }
}

const states = new WeakMap()

const begin = (parentElement) => {
  const state = {
    parts: build(parentElement), moves: 0, current: null, drawn: null, scale: 1, x: 0, y: 0,
    timer: null, drag: null, loaded: new Map(), component: null, waiting: null,
  }
  states.set(parentElement, state)
  const { stage, layer } = state.parts

  const place = () => {
    const most = (side) => side * (state.scale - 1)
    state.x = Math.min(0, Math.max(-most(stage.clientWidth), state.x))
    state.y = Math.min(0, Math.max(-most(stage.clientHeight), state.y))
    layer.style.transform = `translate(${state.x}px, ${state.y}px) scale(${state.scale})`
    stage.classList.toggle("zoomed", state.scale > 1)
  }
  const zoomTo = (scale, x = stage.clientWidth / 2, y = stage.clientHeight / 2) => {
    const wanted = Math.min(MOST, Math.max(1, scale))
    state.x = x - ((x - state.x) * wanted) / state.scale
    state.y = y - ((y - state.y) * wanted) / state.scale
    state.scale = wanted
    place()
  }
  const slides = () => state.component.data.slides
  const index = () => slides().findIndex((slide) => slide.id === state.current)
  const load = (slide) => {
    if (!slide || state.loaded.has(slide.id)) return
    const image = new Image()
    image.src = slide.url
    state.loaded.set(slide.id, image)
  }
  const draw = () => {
    const { data } = state.component
    const slide = slides()[index()]
    if (!slide) return
    const { previous, next, position, failed } = state.parts
    previous.disabled = index() <= 0
    next.disabled = index() >= slides().length - 1
    position.textContent = "Not in this list"
    if (slide.position) {
      position.textContent = `${slide.position.toLocaleString("en")} of ` +
        data.total.toLocaleString("en")
    }
    stage.setAttribute("aria-label", `${slide.title}, ${position.textContent}`)
    const look = JSON.stringify([slide.id, slide.url, slide.box])
    if (state.drawn !== look) {
      state.drawn = look
      failed.hidden = true
      const image = element("img", "preview")
      image.alt = slide.title
      image.draggable = false
      image.src = slide.thumbnail || slide.url
      const full = new Image()
      full.onload = () => { image.src = full.src; image.className = "whole" }
      full.onerror = () => { failed.hidden = state.drawn !== look }
      full.src = slide.url
      layer.replaceChildren(image)
      if (slide.box && slide.size) layer.appendChild(boxOf(slide))
      state.scale = 1
      place()
    }
    for (let step = 1; step <= AHEAD; step++) {
      load(slides()[index() + step])
      load(slides()[index() - step])
    }
  }
  const go = (step) => {
    const slide = slides()[index() + step]
    if (index() < 0 || !slide) return
    state.current = slide.id
    state.moves += 1
    draw()
    clearTimeout(state.timer)
    state.timer = setTimeout(() => {
      state.timer = null
      state.component.setTriggerValue("moved", { id: state.current, moves: state.moves })
    }, QUIET)
  }
  // A key of the caller waits until Python has answered the latest move.
  const press = (key) => {
    state.waiting = { id: state.current, key }
    send()
  }
  const send = () => {
    const { data } = state.component
    if (!state.waiting || data.moves !== state.moves || state.timer !== null) return
    if (state.waiting.id === state.current) state.component.setTriggerValue("pressed", state.waiting)
    state.waiting = null
  }
  const keys = {
    ArrowLeft: () => go(-1),
    ArrowRight: () => go(1),
    "+": () => zoomTo(state.scale * 1.5),
    "=": () => zoomTo(state.scale * 1.5),
    "-": () => zoomTo(state.scale / 1.5),
    0: () => zoomTo(1),
  }
  state.onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const target = event.composedPath()[0]
    if (target.matches && target.matches(FIELDS)) return
    const { data } = state.component
    if (keys[event.key]) keys[event.key]()
    else if (!event.repeat && data.keys.includes(event.key)) press(event.key)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  document.addEventListener("keydown", state.onKey, true)

  state.parts.previous.onclick = () => go(-1)
  state.parts.next.onclick = () => go(1)
  state.parts.closer.onclick = () => zoomTo(state.scale * 1.5)
  state.parts.farther.onclick = () => zoomTo(state.scale / 1.5)
  state.parts.whole.onclick = () => zoomTo(1)
  const inside = (event) => {
    const frame = stage.getBoundingClientRect()
    return [event.clientX - frame.left, event.clientY - frame.top]
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault()
    zoomTo(state.scale * Math.exp(-event.deltaY / 400), ...inside(event))
  }, { passive: false })
  stage.ondblclick = (event) => {
    if (event.target.closest("button")) return
    zoomTo(state.scale > 1 ? 1 : 3, ...inside(event))
  }
  stage.onpointerdown = (event) => {
    if (state.scale === 1 || event.target.closest("button")) return
    state.drag = [event.clientX - state.x, event.clientY - state.y]
    stage.setPointerCapture(event.pointerId)
    stage.classList.add("dragged")
  }
  stage.onpointermove = (event) => {
    if (!state.drag) return
    state.x = event.clientX - state.drag[0]
    state.y = event.clientY - state.drag[1]
    place()
  }
  stage.onpointerup = stage.onpointercancel = () => {
    state.drag = null
    stage.classList.remove("dragged")
  }
  state.draw = draw
  state.send = send
  state.end = () => {
    document.removeEventListener("keydown", state.onKey, true)
    clearTimeout(state.timer)
    states.delete(parentElement)
    // The wall that opened the viewer takes the focus back.
    window.dispatchEvent(new CustomEvent("fieldmark:viewed", { detail: state.current }))
  }
  setTimeout(() => stage.focus({ preventScroll: true }), 0)
  return state
}

export default function (component) {
  const { data, parentElement } = component
  const state = states.get(parentElement) || begin(parentElement)
  state.component = component
  // What Python says counts, except when the person has moved on since.
  if (state.current === null || data.moves >= state.moves) {
    state.current = data.current
    state.moves = Math.max(state.moves, data.moves)
  }
  const hints = ["Keys: \u2190 \u2192 photos, + \u2212 zoom", data.hint].filter(Boolean)
  state.parts.hint.textContent = hints.join(", ")
  state.draw()
  state.send()
  return state.end
}
