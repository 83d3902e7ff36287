const states = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
  let place = parentElement.querySelector(".place")
  if (!place) {
    place = document.createElement("div")
    place.className = "place"
    place.tabIndex = 0
    place.setAttribute("role", "button")
    const words = document.createElement("p")
    words.className = "words"
    const refused = document.createElement("p")
    refused.className = "refused"
    place.append(words, refused)
    parentElement.appendChild(place)
  }
  const [words, refused] = place.children
  words.textContent = data.words
  const paste = (event) => {
    const items = [...(event.clipboardData?.items ?? [])]
    const image = items.find((one) => one.kind === "file" && one.type.startsWith("image/"))
    const file = image?.getAsFile()
    if (!file) return
    event.preventDefault()
    if (file.size > data.most) { refused.textContent = data.too_large; return }
    refused.textContent = ""
    const reader = new FileReader()
    reader.onload = () => setTriggerValue("pasted", reader.result.split(",")[1])
    reader.readAsDataURL(file)
  }
  document.addEventListener("paste", paste)
  return () => document.removeEventListener("paste", paste)
}
