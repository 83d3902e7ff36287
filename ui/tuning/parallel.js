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
  const across = (index, width) => {
    const part = data.axes.length > 1 ? index / (data.axes.length - 1) : 0.5
    return SIDE + (width - 2 * SIDE) * part
  }
  const down = (position) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - position)
  const up = (y) => Math.min(1, Math.max(0, 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM)))

  const drawLines = (width) => data.lines.map((line) => {
    const spot = (position, index) => [across(index, width), down(position)]
    const points = line.positions.map(
      (position, index) => position === null ? null : spot(position, index))
    let path = "", open = false
    for (const point of points) {
      if (!point) { open = false; continue }
      path += (open ? "L" : "M") + point[0].toFixed(1) + " " + point[1].toFixed(1)
      open = true
    }
    const shade = "var(--st-primary-color) " + Math.round(line.shade * 100) + "%"
    const element = make("path", {
      d: path,
      class: "line" + (line.inside ? "" : " out") + (line.best ? " best" : ""),
      style: "stroke: color-mix(in oklab, " + shade + ", var(--st-orange-color))",
    })
    element.appendChild(make("title", {}, line.words))
    element.onclick = () => setTriggerValue("opened", line.trial)
    return element
  })

  const drawAxis = (axis, index, width) => {
    const x = across(index, width)
    const parts = [make("line", { x1: x, x2: x, y1: down(0), y2: down(1), class: "axis" })]
    parts.push(make("text", { x, y: 16, class: "name" }, axis.label))
    for (const [position, label] of axis.ticks) {
      const y = down(position)
      parts.push(make("line", { x1: x - 4, x2: x, y1: y, y2: y, class: "axis" }))
      parts.push(make("text", { x: x + 6, y: y + 4, class: "tick" }, label))
    }
    const brush = data.brushes[axis.name]
    const [from, to] = brush ? [down(brush[1]), down(brush[0])] : [0, 0]
    const shown = make("rect", { x: x - 9, width: 18, y: from, height: to - from, class: "brush" })
    const height = HEIGHT - TOP - BOTTOM + 16
    const zone = make("rect", { x: x - 14, width: 28, y: TOP - 8, height, class: "zone" })
    const hint = "Drag along the axis to keep a part of it; click to keep all."
    zone.appendChild(make("title", {}, hint))
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
      if (Math.abs(end - start) > 4) {
        brushes[axis.name] = [up(Math.max(start, end)), up(Math.min(start, end))]
      }
      setStateValue("brushes", brushes)
    }
  }

  svg.redraw = () => {
    const width = svg.parentElement.clientWidth || 700
    svg.setAttribute("viewBox", "0 0 " + width + " " + HEIGHT)
    svg.setAttribute("height", HEIGHT)
    svg.setAttribute("role", "img")
    svg.setAttribute("aria-label", data.alt)
    const axes = data.axes.flatMap((axis, index) => drawAxis(axis, index, width))
    svg.replaceChildren(...drawLines(width), ...axes)
  }
  svg.redraw()
}
