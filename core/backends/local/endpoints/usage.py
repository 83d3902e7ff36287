"""A local endpoint from code: programs that send it photos, ready to run."""

from __future__ import annotations

from core.backends.base import Program

MEDIA_TYPE = "application/x-image"
SEVERAL = "Several photos in one request, as a form. The answers are in the order of the photos:"


def programs(url: str) -> list[Program]:
    """Return programs for one photo, for several in one request, and for health and metrics."""
    asked = f"{url}/invocations"
    return [
        Program(
            "curl",
            "One photo, from a terminal:",
            "bash",
            f"curl -s -H 'Content-Type: {MEDIA_TYPE}' --data-binary @photo.jpg \\\n  {asked}",
        ),
        Program(
            "Python",
            "Python, reusing one connection:",
            "python",
            _python(asked),
        ),
        Program("Form", SEVERAL, "bash", f"curl -s -F photo=@one.jpg -F photo=@two.jpg {asked}"),
        Program("JSON", "Several photos as JSON:", "python", _several(asked)),
        Program(
            "Health",
            "Health and metrics:",
            "bash",
            f"curl -s {url}/ping\ncurl -s {url}/metrics",
        ),
    ]


def _python(url: str) -> str:
    return (
        "import requests\n\n"
        f'url = "{url}"\n'
        "session = requests.Session()\n"
        f'session.headers["Content-Type"] = "{MEDIA_TYPE}"\n'
        'with open("photo.jpg", "rb") as photo:\n'
        "    answer = session.post(url, data=photo.read(), timeout=60)\n"
        "answer.raise_for_status()\n"
        'print(answer.json()["predictions"][0])'
    )


def _several(url: str) -> str:
    return (
        "import base64, requests\n\n"
        f'url = "{url}"\n'
        "photos = []\n"
        'for name in ("one.jpg", "two.jpg"):\n'
        '    with open(name, "rb") as photo:\n'
        "        photos.append(base64.b64encode(photo.read()).decode())\n"
        'answer = requests.post(url, json={"photos": photos}, timeout=60)\n'
        'print(answer.json()["answers"])'
    )
