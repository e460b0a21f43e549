"""What a plugin asks for, in words, before an operator says yes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from retinue.bus.errors import Denied, PluginError
from retinue.bus.messages import EventBody, SecurityDenied
from retinue.bus.views import PluginProposal
from retinue.plugins.manifest import Admitted, Grant, Manifest, admit
from retinue.plugins.manifest.grants import checked, describe, wider
from retinue.plugins.manifest.model import Level, Permissions
from retinue.plugins.manifest.sent import lay_out, told

from .ceiling import beyond, within

__all__ = ["Proposals", "checked_permissions"]

_SENT = "the files that were sent"


class Proposals:
    """Takes plugins in, and says what they ask for; nothing runs. Any thread may call it."""

    def __init__(
        self,
        store: Callable[[], Path],
        level_of: Callable[[Admitted], Level],
        ceiling: Permissions | None,
        grants: Mapping[str, Grant],
        say: Callable[[EventBody], None],
    ) -> None:
        """``store`` is where the copies are kept, ``grants`` are those so far; ``say`` tells refusals."""
        self._store = store
        self._level_of = level_of
        self._ceiling = ceiling
        self._grants = grants
        self._say = say

    def admitted(self, folder: Path, shown: str = "") -> Admitted:
        """The folder's content, copied; raises ``PluginError``, in which it is called ``shown``."""
        try:
            admitted = admit(folder, self._store())
            checked_permissions(admitted.manifest)
        except PluginError as error:
            shown = shown or str(folder)
            said = told(error, folder, shown)
            self._say(SecurityDenied("admission", "admission", (), "load", shown, said))
            raise PluginError(said) from error
        return admitted

    def sent(self, files: Mapping[str, bytes]) -> tuple[PluginProposal, Path]:
        """What files by their paths ask for, and the folder in which they were taken in."""
        store = self._store()
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".sent-", dir=store) as folder:
            lay_out(files, Path(folder), _SENT)
            admitted = self.admitted(Path(folder), _SENT)
        return self.of(admitted), Path(admitted.folder)

    def of(self, admitted: Admitted) -> PluginProposal:
        """What it asks for, beside what its name was granted before."""
        manifest = admitted.manifest
        asked = checked_permissions(manifest)
        permissions = within(asked, self._ceiling)
        before = self._grants.get(manifest.name)
        known = Permissions() if before is None else before.permissions
        return PluginProposal(
            manifest.name,
            manifest.version,
            admitted.digest,
            manifest.runtime,
            manifest.description,
            tuple(describe(permissions)),
            tuple(wider(permissions, known)),
            before is not None and before.digest == admitted.digest,
            self._level_of(admitted),
            "" if before is None else before.version,
            beyond(asked, self._ceiling),
        )

    def refusal(self, proposal: PluginProposal, folder: str) -> Denied:
        """Tell, and return to be raised, that nobody approved it."""
        said, plugin = _unapproved(proposal), (f"plugin:{proposal.name}",)
        self._say(SecurityDenied("grant.approval", "admission", plugin, "load", folder, said))
        return Denied("grant.approval", proposal.name, said)


def checked_permissions(manifest: Manifest) -> Permissions:
    """What a manifest asks for, in its one spelling; raises ``PluginError``."""
    return checked(manifest.permissions, manifest.name)


def _unapproved(proposal: PluginProposal) -> str:
    asks = "; ".join(proposal.asks) or "nothing beyond computing"
    return (
        f"plugin {proposal.name!r} {proposal.version} is not approved. It asks to: {asks}. "
        f"Approve exactly this content: {proposal.digest}"
    )
