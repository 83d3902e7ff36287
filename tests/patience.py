"""How long tests wait for what is bound to come.

Only what never happens should fail: a machine that does something else may keep a test waiting for
minutes. No bound here decides a healthy run; claims about speed belong to benchmarks.
"""

from __future__ import annotations

PATIENCE = 300.0
PATIENCE_MS = int(PATIENCE * 1000)
