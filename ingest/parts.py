"""What all conversations of a worker share."""

import msgspec

from ingest.call_watching import Watching
from ingest.counts import Counts
from ingest.dialing import Dialer
from ingest.heads import Rules
from ingest.recordings import Recordings
from ingest.rewriting import Rewriting
from ingest.sidebands import Sidebands
from ingest.splice import Splice
from ingest.telephone import Telephone
from ingest.warden import Warden


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Put together by the worker."""

    rules: Rules
    dialer: Dialer
    recordings: Recordings
    counts: Counts
    splices: set[Splice | Rewriting]
    """The calls in progress."""
    message_max_bytes: int
    watching: Watching
    sidebands: Sidebands
    """The calls that are followed."""
    warden: Warden
    telephone: Telephone | None
    """None where no webhooks are expected."""
