const KEPT_STEPS = 100
const HINT = "Keys: 1 to 3 choose a class, 0 keeps the label, x leaves out, o other class, u undo"

const make = (kind, name, text) => {
  const made = document.createElement(kind)
  if (kind === "button") made.type = "button"
  made.className = name
  if (text !== undefined) {
    made.textContent = text
    made.title = text
  }
  return made
}

const build = (parent) => {
  const bar = make("div", "bar")
  const undo = make("button", "undo")
  bar.append(undo, make("span", "hint", HINT))
  parent.append(bar, make("div", "deck"))
  return parent.querySelector(".deck")
}

const choice = (shortcut, label, note) => {
  const button = make("button", "choice")
  button.append(make("kbd", "", shortcut), make("span", "label", label), make("span", "note", note))
  button.dataset.key = shortcut
  button.title = label
  return button
}

const states = new WeakMap()

export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  const deck = parentElement.querySelector(".deck") || build(parentElement)
  const undo = parentElement.querySelector(".undo")
  const state = states.get(deck) || { steps: [], pending: new Map(), cards: new Map() }
  const isFirst = !states.has(deck)
  states.set(deck, state)

  // What Python has applied is in its data; what is still on its way to it is not.
  const applied = state.steps.findIndex((step) => step.key === data.applied)
  state.steps.slice(0, applied + 1).forEach((step) => {
    if (state.pending.get(step.id) === step.key) state.pending.delete(step.id)
  })

  const tell = (action, id, label) => {
    const step = { key: Date.now() + "-" + Math.random(), action, id, label }
    state.steps = [...state.steps, step].slice(-KEPT_STEPS)
    if (id) state.pending.set(id, step.key)
    setStateValue("steps", state.steps)
  }
  const focus = (card) => {
    if (!card) return
    card.focus({ preventScroll: true })
    card.scrollIntoView({ block: "nearest" })
  }
  const leave = (card) => {
    const next = card.nextElementSibling || card.previousElementSibling
    state.cards.delete(card.dataset.id)
    card.remove()
    focus(next)
  }
  const decide = (card, label) => {
    tell("decide", card.dataset.id, label)
    if (data.decidedGo) leave(card)
    else card.classList.add("sent")
  }

  const draw = (photo) => {
    const card = make("div", "card")
    card.dataset.id = photo.id
    card.tabIndex = 0
    card.setAttribute("role", "group")
    card.setAttribute("aria-label", photo.name + ", " + photo.detail)
    const open = make("button", "photo")
    open.setAttribute("aria-label", "Open " + photo.name)
    open.title = "Open the photo"
    const picture = make("img", "")
    picture.src = photo.url
    picture.alt = photo.name
    open.append(picture)
    open.onclick = () => setTriggerValue("opened", photo.id)
    card.append(open, make("span", "name", photo.name), make("span", "detail", photo.detail))
    const choices = photo.options.map((option) => {
      const button = choice(option.shortcut, option.label, option.note)
      button.dataset.label = option.label
      return button
    })
    const out = choice("x", "Leave out", "")
    out.dataset.label = ""
    const row = make("div", "row")
    const other = choice("o", "Other class\u2026", "")
    other.classList.add("other")
    row.append(out, other)
    card.append(...choices, row)
    for (const button of [...choices, out]) {
      const isChosen = photo.chosen !== null && photo.chosen === button.dataset.label
      button.setAttribute("aria-pressed", String(isChosen))
      button.onclick = () => {
        if (isChosen) tell("reopen", photo.id, "")
        else decide(card, button.dataset.label)
      }
    }
    other.onclick = () => setTriggerValue("other", photo.id)
    return card
  }

  const shown = data.cards.filter((photo) => !data.decidedGo || !state.pending.has(photo.id))
  const focused = deck.querySelector(".card:focus-within")
  const before = focused ? focused.dataset.id : null
  const place = focused ? [...deck.children].indexOf(focused) : -1
  const fresh = new Map()
  for (const photo of shown) {
    const drawn = JSON.stringify(photo)
    const known = state.cards.get(photo.id)
    const card = known && known.drawn === drawn ? known.card : draw(photo)
    card.classList.toggle("sent", state.pending.has(photo.id))
    fresh.set(photo.id, { drawn, card })
  }
  const wanted = [...fresh.values()].map(({ card }) => card)
  const isSame = wanted.length === deck.children.length && wanted.every((card, n) => deck.children[n] === card)
  if (!isSame) {
    // Moving a focused card would take the focus from it, so only the others are moved.
    for (const card of [...deck.children]) if (!wanted.includes(card)) card.remove()
    wanted.forEach((card, n) => { if (deck.children[n] !== card) deck.insertBefore(card, deck.children[n] || null) })
  }
  state.cards = fresh
  if (before && !deck.querySelector(".card:focus-within")) {
    focus((fresh.get(before) || {}).card || deck.children[Math.min(place, deck.children.length - 1)])
  } else if (isFirst && document.activeElement === document.body && deck.firstElementChild) {
    deck.firstElementChild.focus({ preventScroll: true })
  }

  undo.textContent = data.undo ? "Undo: " + data.undo : "Undo"
  undo.disabled = !data.undo && !state.pending.size
  undo.onclick = () => tell("undo", "", "")

  deck.onkeydown = (event) => {
    const card = event.target.closest(".card")
    if (!card || event.altKey) return
    const isUndo = event.key === "u" || (event.key === "z" && (event.ctrlKey || event.metaKey))
    if (!isUndo && (event.ctrlKey || event.metaKey)) return
    const places = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 0, ArrowUp: 0 }
    const columns = getComputedStyle(deck).gridTemplateColumns.split(" ").length
    if (event.key in places) {
      const step = { ArrowDown: columns, ArrowUp: -columns }[event.key] || places[event.key]
      focus(deck.children[[...deck.children].indexOf(card) + step])
    } else if (isUndo) {
      if (!undo.disabled) undo.click()
    } else if (event.key === "Enter" && event.target === card) {
      card.querySelector(".photo").click()
    } else {
      const button = [...card.querySelectorAll(".choice")].find((one) => one.dataset.key === event.key)
      if (!button) return
      button.click()
    }
    event.preventDefault()
    event.stopPropagation()
  }
}
