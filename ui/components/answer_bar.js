// The bar says what an action did and offers one button, for as long as a person needs to decide;
// it stays while the pointer or the focus is on it.
const ended = new Set()

function element(name, className, parent) {
  const made = document.createElement(name)
  made.className = className
  parent.append(made)
  return made
}

function build(root) {
  const bar = element("div", "bar", root)
  bar.setAttribute("role", "status")
  element("span", "words", bar)
  element("button", "act", bar).type = "button"
  const close = element("button", "close", bar)
  close.type = "button"
  close.textContent = "\u00d7"
  close.setAttribute("aria-label", "Close")
  return bar
}

export default function ({ data, parentElement, setTriggerValue }) {
  const bar = parentElement.querySelector(".bar") ?? build(parentElement)
  const [words, act, close] = bar.children
  const isOver = !data.id || ended.has(data.id)
  bar.hidden = isOver
  if (isOver) return
  words.textContent = data.words
  act.textContent = data.action
  const end = () => { ended.add(data.id); bar.hidden = true }
  act.onclick = () => { end(); setTriggerValue("acted", data.id) }
  close.onclick = end
  let left = data.seconds
  const clock = setInterval(() => {
    if (bar.matches(":hover, :focus-within")) return
    left -= 1
    if (left <= 0) { clearInterval(clock); end() }
  }, 1000)
  return () => clearInterval(clock)
}
