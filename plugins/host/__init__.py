"""Both ends of an agent's own process: the frames between them, and what runs in the child."""

from __future__ import annotations
