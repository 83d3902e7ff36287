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
    const spoken = card.answers.map((said) => said.first || said.failed)
    button.setAttribute("aria-label", [card.name, ...spoken].join(", "))
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
