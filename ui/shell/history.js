// One entry in the browser's history for each action of a person: however many steps Streamlit
// takes to change the address for it, Back undoes the whole action and nothing else.
//
// Streamlit replaces the entry when a widget changes, adds one for each parameter that a page sets,
// and adds two when a page leads to another page. Here the first change of the address after an
// action adds an entry, and later changes complete that entry.

const ACTIONS = ["pointerdown", "keydown", "drop"]

export default function () {
  if (window.fieldmarkHistory) return
  window.fieldmarkHistory = true
  const push = history.pushState.bind(history)
  const replace = history.replaceState.bind(history)
  let hasActed = false
  const change = (state, unused, url) => {
    const target = new URL(url ?? location.href, location.href)
    if (hasActed && target.href !== location.href) {
      hasActed = false
      push(state, unused, url)
    } else {
      replace(state, unused, url)
    }
  }
  history.pushState = change
  history.replaceState = change
  for (const name of ACTIONS) {
    window.addEventListener(name, () => { hasActed = true }, true)
  }
  // Back and Forward have their own entry; the page then only completes it.
  window.addEventListener("popstate", () => { hasActed = false }, true)
}
