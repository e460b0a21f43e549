"""A plugin whose files come with the request: for who has no folder on the daemon's machine."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from retinue.bus.views import PluginProposal

from .router import Body, Call, Route

__all__ = ["ROUTES"]

_Texts = Annotated[dict[str, str], Meta(description="by their paths, such as plugin.toml")]
_Encoded = Annotated[dict[str, bytes], Meta(description="the same of what is no text, in base64")]


class Upload(Body, frozen=True):
    """A plugin's files, ``plugin.toml`` among them."""

    files: _Texts = {}
    encoded: _Encoded = {}


class Uploaded(PluginProposal, frozen=True, kw_only=True):
    """What the plugin asks for; ``path`` is the folder to load it from, as long as the state lasts."""

    path: str


def upload(call: Call) -> Uploaded:
    """What the plugin in the request asks for. Its files are kept; nothing of them runs.

    They may be 1,000, and as large together as a request may be; the rules are those for a folder.
    One that begins with ``#!`` may be executed. Load the ``path`` that is answered to go on.
    """
    asked: Upload = call.body
    texts = {path: text.encode() for path, text in asked.files.items()}
    proposal, folder = call.kernel.propose_files({**texts, **asked.encoded})
    return Uploaded(path=str(folder), **msgspec.structs.asdict(proposal))


ROUTES = (Route("POST", "/v1/plugins/upload", upload, body=Upload),)
