const SIZE = 1000

const make = (kind, name) => {
  const made = document.createElement(kind)
  made.className = name
  return made
}

const pointSize = (points) => {
  if (points > 5000) return 2
  if (points > 1500) return 3
  return 4
}

const states = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let map = parentElement.querySelector(".map")
  if (!map) {
    map = make("div", "map")
    map.append(make("canvas", "points"), make("div", "tip"))
    map.lastChild.append(document.createElement("img"), document.createElement("span"))
    parentElement.append(map, make("div", "legend"))
  }
  const canvas = map.querySelector("canvas")
  const tip = map.querySelector(".tip")
  const legend = parentElement.querySelector(".legend")
  canvas.setAttribute("role", "application")
  canvas.setAttribute("aria-label", data.alt)
  canvas.setAttribute("aria-description", data.keys)
  canvas.tabIndex = 0
  const unmoved = { zoom: 1, left: 0, top: 0, lit: null, path: null, pan: null, cursor: null }
  const state = states.get(parentElement) || unmoved
  states.set(parentElement, state)
  const { x, y, colour, ids, urls, titles, palette, names } = data.points
  const style = getComputedStyle(map)
  const ink = style.getPropertyValue("--st-text-color") || "gray"
  const accent = style.getPropertyValue("--st-primary-color") || "green"

  const scale = () => (canvas.clientWidth / SIZE) * state.zoom
  const scaleDown = () => scale() * (canvas.clientHeight / canvas.clientWidth)
  const toScreen = (px, py) => [(px - state.left) * scale(), (py - state.top) * scaleDown()]
  const toMap = (sx, sy) => [sx / scale() + state.left, sy / scaleDown() + state.top]

  const outline = (context, path, closed) => {
    if (!path || path.length < 2) return
    context.beginPath()
    path.forEach(([px, py], step) => context[step ? "lineTo" : "moveTo"](...toScreen(px, py)))
    if (closed) context.closePath()
    context.strokeStyle = accent
    context.lineWidth = 2
    context.stroke()
    context.globalAlpha = 0.08
    context.fillStyle = accent
    context.fill()
    context.globalAlpha = 1
  }
  const draw = () => {
    const ratio = window.devicePixelRatio || 1
    canvas.style.height = data.height + "px"
    if (!canvas.clientWidth) return
    canvas.width = canvas.clientWidth * ratio
    canvas.height = data.height * ratio
    const context = canvas.getContext("2d")
    context.scale(ratio, ratio)
    const radius = Math.min(7, pointSize(x.length) * Math.sqrt(state.zoom))
    const order = state.lit === null ? [false] : [false, true]
    for (const lit of order) {
      for (let point = 0; point < x.length; point++) {
        const bright = state.lit === null || colour[point] === state.lit
        if (state.lit !== null && bright !== lit) continue
        const [sx, sy] = toScreen(x[point], y[point])
        if (sx < -9 || sy < -9 || sx > canvas.clientWidth + 9 || sy > data.height + 9) continue
        context.globalAlpha = bright ? 0.85 : 0.12
        context.fillStyle = palette[colour[point]] || ink
        context.beginPath()
        context.arc(sx, sy, radius, 0, 7)
        context.fill()
      }
    }
    context.globalAlpha = 1
    const growing = state.cursor && state.path ? [...state.path, state.cursor] : state.path
    outline(context, growing || data.lasso, !state.path)
    if (state.cursor) cross(context, ...toScreen(...state.cursor))
  }
  const cross = (context, mx, my) => {
    context.beginPath()
    for (const [dx, dy] of [[12, 0], [0, 12]]) {
      context.moveTo(mx - dx, my - dy)
      context.lineTo(mx + dx, my + dy)
    }
    context.strokeStyle = ink
    context.lineWidth = 2
    context.stroke()
  }
  const placeOf = (event) => {
    const place = canvas.getBoundingClientRect()
    return [event.clientX - place.left, event.clientY - place.top]
  }
  const nearest = (mx, my) => {
    let best = -1
    let distance = 100
    for (let point = 0; point < x.length; point++) {
      const [sx, sy] = toScreen(x[point], y[point])
      const away = (sx - mx) ** 2 + (sy - my) ** 2
      if (away < distance) [best, distance] = [point, away]
    }
    return best
  }
  const hover = (mx, my) => {
    const point = nearest(mx, my)
    tip.style.display = point < 0 ? "none" : "block"
    if (point < 0) return
    const url = urls + ids[point]
    if (tip.firstChild.getAttribute("src") !== url) tip.firstChild.src = url
    tip.firstChild.alt = ""
    tip.lastChild.textContent = titles[point]
    tip.style.left = Math.max(0, Math.min(mx + 14, canvas.clientWidth - 154)) + "px"
    tip.style.top = Math.max(0, Math.min(my + 14, data.height - 170)) + "px"
  }
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId)
    tip.style.display = "none"
    state.cursor = null
    if (event.button === 1 || event.shiftKey) state.pan = [event.clientX, event.clientY]
    else state.path = [toMap(...placeOf(event))]
    event.preventDefault()
  }
  canvas.onpointermove = (event) => {
    if (state.pan) {
      const [fromX, fromY] = toMap(0, 0)
      const [toX, toY] = toMap(event.clientX - state.pan[0], event.clientY - state.pan[1])
      state.left -= toX - fromX
      state.top -= toY - fromY
      state.pan = [event.clientX, event.clientY]
      draw()
    } else if (state.path && !state.cursor) {
      state.path.push(toMap(...placeOf(event)))
      draw()
    } else hover(...placeOf(event))
  }
  const open = (mx, my) => {
    const point = nearest(mx, my)
    if (point >= 0) setTriggerValue("opened", ids[point])
  }
  canvas.onpointerup = (event) => {
    const path = state.path
    state.path = state.pan = null
    if (!path) return
    const wide = Math.max(...path.map((p) => p[0])) - Math.min(...path.map((p) => p[0]))
    if (path.length > 3 && wide * scale() > 5) {
      const every = Math.max(1, Math.ceil(path.length / 40))
      const kept = path.filter((_, step) => step % every === 0)
      setTriggerValue("lasso", kept.map(([px, py]) => [Math.round(px), Math.round(py)]))
    } else {
      open(...placeOf(event))
      draw()
    }
  }
  canvas.onpointerleave = () => { tip.style.display = "none" }
  canvas.onwheel = (event) => {
    event.preventDefault()
    zoom(Math.exp(-event.deltaY / 400), ...placeOf(event))
  }
  const zoom = (factor, mx, my) => {
    const [fixedX, fixedY] = toMap(mx, my)
    state.zoom = Math.min(40, Math.max(1, state.zoom * factor))
    const [nowX, nowY] = toMap(mx, my)
    state.left = state.zoom === 1 ? 0 : state.left + fixedX - nowX
    state.top = state.zoom === 1 ? 0 : state.top + fixedY - nowY
    draw()
  }
  const move = (dx, dy) => {
    const [mx, my] = toScreen(...state.cursor)
    const inside = (at, end) => Math.max(0, Math.min(at, end))
    const to = [inside(mx + dx, canvas.clientWidth), inside(my + dy, data.height)]
    state.cursor = toMap(...to)
    hover(...to)
  }
  const close = () => {
    const corners = state.path
    if (!corners || corners.length < 3) return open(...toScreen(...state.cursor))
    state.path = null
    setTriggerValue("lasso", corners.map(([px, py]) => [Math.round(px), Math.round(py)]))
  }
  // The lasso of the keyboard: the arrows move a cross, and Space sets a corner at it.
  const keys = {
    ArrowLeft: (step) => move(-step, 0),
    ArrowRight: (step) => move(step, 0),
    ArrowUp: (step) => move(0, -step),
    ArrowDown: (step) => move(0, step),
    " ": () => { state.path = [...(state.path || []), state.cursor] },
    Backspace: () => { state.path = state.path && state.path.length > 1 ? state.path.slice(0, -1) : null },
    Enter: close,
    Escape: () => { state.path = null },
    "+": () => zoom(1.5, ...toScreen(...state.cursor)),
    "-": () => zoom(1 / 1.5, ...toScreen(...state.cursor)),
  }
  canvas.onkeydown = (event) => {
    const act = keys[event.key]
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    state.cursor = state.cursor || toMap(canvas.clientWidth / 2, data.height / 2)
    act(event.shiftKey ? 60 : 12)
    draw()
  }
  canvas.onblur = () => { tip.style.display = "none" }
  canvas.ondblclick = () => {
    Object.assign(state, { zoom: 1, left: 0, top: 0 })
    draw()
  }
  if (state.lit !== null && state.lit >= names.length) state.lit = null
  legend.replaceChildren(...names.map((name, place) => {
    const button = make("button", "")
    button.type = "button"
    const dot = document.createElement("i")
    dot.style.background = palette[place]
    button.append(dot, name)
    button.setAttribute("aria-pressed", String(state.lit === place))
    button.onclick = () => {
      state.lit = state.lit === place ? null : place
      ;[...legend.children].forEach((other, each) => {
        other.setAttribute("aria-pressed", String(state.lit === each))
      })
      draw()
    }
    return button
  }))
  const watch = new ResizeObserver(draw)
  watch.observe(map)
  draw()
  return () => watch.disconnect()
}
