// One entry in the browser's history for each action of a person: however many steps Streamlit
// takes to change the address for it, Back undoes the whole action and nothing else.
//
// Streamlit replaces the entry when a widget changes, adds one for each parameter that a page sets,
// and adds two when a page leads to another page. Here the first change of the address after an
// action adds an entry, and later changes complete that entry.
//
// A link to the page that is open, with other parameters, would leave the address as it was. It is
// opened as Forward would open it.

const ACTIONS = ["pointerdown", "keydown", "drop"]
const LINKS = '[data-testid="stPageLink-NavLink"], [data-testid="stSidebarNavLink"]'

function isPlain(event) {
  const withKey = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey
  return event.button === 0 && !withKey && !event.defaultPrevented
}

function leadsToThisPage(link) {
  const path = link.getAttribute("href").split("?")[0]
  const target = new URL(link.href)
  return path && target.pathname === location.pathname && target.search !== location.search
}

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
  window.addEventListener("click", (event) => {
    const link = event.target.closest?.(LINKS)
    if (!link || !isPlain(event) || !leadsToThisPage(link)) return
    event.preventDefault()
    event.stopImmediatePropagation()
    push({}, "", link.href)
    window.dispatchEvent(new PopStateEvent("popstate"))
  }, true)
  // Back and Forward have their own entry; the page then only completes it.
  window.addEventListener("popstate", () => { hasActed = false }, true)
}
