export default function ({ data, parentElement, setTriggerValue }) {
  let button = parentElement.querySelector("button")
  if (!button) {
    button = document.createElement("button")
    button.type = "button"
    button.className = "mosaic"
    parentElement.append(button)
  }
  button.setAttribute("aria-label", data.title)
  button.title = data.title
  button.onclick = () => setTriggerValue("opened", true)
  button.replaceChildren(...data.urls.map((url) => {
    const image = document.createElement("img")
    image.alt = ""
    image.loading = "lazy"
    image.src = url
    return image
  }))
}
