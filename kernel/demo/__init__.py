"""The main job in small: a team of agents answers a question about a folder of documents."""

from __future__ import annotations

from .session import Session, documents
from .tally import Summary, Tally
from .team import Report, Source

__all__ = ["Report", "Session", "Source", "Summary", "Tally", "documents"]
