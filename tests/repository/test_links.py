"""Every relative link in the documents leads to a file, and its anchor to a heading."""

from __future__ import annotations

import re

LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]+))?\)")


def test_every_link_in_the_documents_leads_somewhere(root):
    documents = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
    assert documents
    assert [
        f"{document.relative_to(root)}: {target}#{anchor}"
        for document in documents
        for target, anchor in LINK.findall(_without_code(document.read_text()))
        if not _leads_somewhere(document, target, anchor)
    ] == []


def test_a_link_to_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One heading, `code`\n")
    assert _leads_somewhere(page, "", "one-heading-code")
    assert _leads_somewhere(page, "page.md", "")
    assert not _leads_somewhere(page, "page.md", "another")
    assert not _leads_somewhere(page, "nowhere.md", "")


def _leads_somewhere(document, target, anchor) -> bool:
    path = document.parent / target if target else document
    return path.exists() and (not anchor or anchor in _anchors(path))


def _anchors(path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _without_fences(path.read_text()), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", _without_fences(text))


def _without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
