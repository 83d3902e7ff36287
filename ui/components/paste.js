export default function ({ data, parentElement, setTriggerValue }) {
  let problem = parentElement.querySelector(".problem")
  if (!problem) {
    problem = document.createElement("p")
    problem.className = "problem"
    problem.setAttribute("role", "alert")
    parentElement.appendChild(problem)
  }
  const paste = (event) => {
    const items = [...(event.clipboardData?.items ?? [])]
    const image = items.find((one) => one.kind === "file" && one.type.startsWith("image/"))
    const file = image?.getAsFile()
    if (!file) return
    event.preventDefault()
    if (file.size > data.max_bytes) { problem.textContent = data.too_large; return }
    problem.textContent = ""
    const reader = new FileReader()
    reader.onload = () => setTriggerValue("pasted", reader.result.split(",")[1])
    reader.readAsDataURL(file)
  }
  document.addEventListener("paste", paste)
  return () => document.removeEventListener("paste", paste)
}
