const create = (kind, name, text) => {
  const element = document.createElement(kind)
  element.className = name
  if (text !== undefined) { element.textContent = text; element.title = text }
  return element
}

const panel = (answer) => {
  const box = create("span", "answer")
  if (answer.endpoint) box.append(create("span", "endpoint", answer.endpoint))
  if (answer.failed) { box.append(create("span", "failed", answer.failed)); return box }
  box.append(create("span", "first", answer.first))
  const badges = create("span", "badges")
  answer.badges.forEach(([text, tone]) => badges.append(create("span", "badge " + tone, text)))
  if (answer.badges.length) box.append(badges)
  if (answer.note) box.append(create("span", "note", answer.note))
  answer.bars.forEach(({ label, share, tone }) => {
    const bar = create("span", "bar " + tone)
    const track = create("span", "track")
    const fill = create("span", "fill")
    fill.style.width = (100 * share) + "%"
    track.append(fill, create("span", "label", label))
    bar.append(track, create("span", "value", (100 * share).toFixed(1) + " %"))
    box.append(bar)
  })
  box.append(create("span", "time", answer.time))
  return box
}

export default function ({ data, parentElement, setTriggerValue }) {
  let wall = parentElement.querySelector(".wall")
  if (!wall) {
    wall = create("div", "wall")
    parentElement.appendChild(wall)
  }
  wall.style.setProperty("--side", data.side + "px")
  // Cards are drawn anew on each run of the page; the keyboard stays where it was.
  const focused = wall.getRootNode().activeElement?.dataset?.id
  wall.replaceChildren(...data.cards.map((card) => {
    const button = create("button", "card")
    button.type = "button"
    button.dataset.id = card.id
    const spoken = card.answers.map((answer) => answer.first || answer.failed)
    button.setAttribute("aria-label", [card.name, ...spoken].join(", "))
    const frame = create("span", "frame")
    const picture = document.createElement("img")
    picture.loading = "lazy"
    picture.alt = card.name
    picture.src = card.url
    frame.append(picture)
    const words = create("span", "words")
    words.append(create("span", "name", card.name))
    const sides = create("span", "sides")
    sides.append(...card.answers.map(panel))
    words.append(sides)
    button.append(frame, words)
    button.onclick = () => setTriggerValue("opened", card.id)
    return button
  }))
  if (focused) {
    wall.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true })
  }
}
