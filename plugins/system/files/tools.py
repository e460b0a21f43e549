"""The three tools that agents see."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

from msgspec import Meta

from retinue.bus.errors import InvalidInput, ToolError

from ...tools import ToolContext
from .library import Library
from .roots import Entry
from .search import Indexed, question_stems, rank

__all__ = ["FileTools"]

Count = Annotated[int, Meta(ge=1, le=1000)]
Line = Annotated[int, Meta(ge=1)]


class FileTools:
    """``files.list``, ``files.search`` and ``files.read``; plain functions, for a thread."""

    def __init__(self, library: Library, *, max_read: int, max_search: int) -> None:
        """In bytes: ``max_read`` of the text that a read gives, ``max_search`` of the text searched."""
        self._library = library
        self._max_search = max_search
        self._max_read = max_read

    def list_files(
        self, root: str = "", under: str = "", glob: str = "", limit: Count = 500
    ) -> dict[str, Any]:
        """List the files that can be read, by path; ``more`` says that there are others.

        Args:
            root: the granted folder's name; all of them by default
            under: a folder below the root
            glob: only paths or names that match, such as *.md
            limit: the most to return
        """
        found = list(islice(self._library.entries(root, under, glob), limit + 1))
        files = [{"root": name, "path": e.path, "bytes": e.size} for name, e in found[:limit]]
        return {"files": files, "more": len(found) > limit}

    def search(
        self,
        ctx: ToolContext,
        query: list[str] | str,
        root: str = "",
        glob: str = "",
        limit: Count = 5,
    ) -> list[dict[str, Any]]:
        """Find the passages that best match the words or question, by word stems, best first.

        Args:
            ctx: says when nobody waits any more
            query: words, or a question
            root: the granted folder's name; all of them by default
            glob: only paths or names that match, such as *.md
            limit: the most to return
        """
        wanted = question_stems([query] if isinstance(query, str) else query)
        if not wanted:
            raise InvalidInput("tool 'files.search': query has no words; give some to look for")
        entries = list(self._library.entries(root, "", glob))
        sources = self._sources(ctx, entries)
        return [
            {
                "root": entries[hit.source][0],
                "path": entries[hit.source][1].path,
                **hit.passage._asdict(),
                "score": round(hit.score, 3),
            }
            for hit in rank(sources, wanted, limit)
        ]

    def read(self, path: str, root: str = "", line: Line = 1, lines: Count = 400) -> dict[str, Any]:
        """Read a text file, from a line on; ``more`` says that the text goes on after it.

        Args:
            path: the file's path below its root, as files.list and files.search give it
            root: the granted folder's name; needed only when there are several
            line: the first line, from 1
            lines: the most lines to return
        """
        every = self._library.read(root, path).split("\n")
        part = every[line - 1 : line - 1 + lines]
        text = "\n".join(part).encode()[: self._max_read].decode(errors="ignore")
        shown = text.count("\n") + 1 if part else 0
        return {
            "root": self._library.roots.pick(root),
            "path": path,
            "line": line,
            "text": text,
            "lines": len(every),
            "more": line - 1 + shown < len(every) or len(text) < len("\n".join(part)),
        }

    def _sources(self, ctx: ToolContext, entries: list[tuple[str, Entry]]) -> list[list[Indexed]]:
        sources: list[list[Indexed]] = []
        left = self._max_search
        for root, entry in entries:
            if ctx.cancelled:
                raise ToolError(f"files.search: cancelled after {len(sources)} files")
            sources.append(self._library.passages(root, entry))
            left -= entry.size if sources[-1] else 0
            if left < 0:
                raise InvalidInput(
                    f"tool 'files.search': over {self._max_search} bytes of text; narrow it with "
                    "root= or glob=, or the operator raises plugins.files.max_search"
                )
        return sources
