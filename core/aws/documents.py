"""What is exchanged with AWS: documents whose form AWS decides, and that are shown and kept as they
are."""

from typing import Any

Json = dict[str, Any]
