"""The effective configuration as a timeline, a row for each that was in force (PROTOCOL section 4.12)."""

import msgspec

from pipeline.domain import facts
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.config import Config
from pipeline.domain.draft import Draft

_COLUMNS = tuple(
    field.name
    for field in msgspec.structs.fields(facts.ConfigChange)
    if field.name in {known.name for known in msgspec.structs.fields(Config)}
)
_FORMATS = ("input_format", "output_format")


def changed(draft: Draft, before: Config, now: Config, trigger: str) -> None:
    """Tell the configuration that is in force from now on, unless it is the one before."""
    differing = [name for name in _COLUMNS if getattr(now, name) != getattr(before, name)]
    first = trigger in {"created", "reconnected"}
    if not (first or differing or now.digest != before.digest):
        return
    values = {name: getattr(now, name) for name in _COLUMNS if name not in _FORMATS}
    for name in _FORMATS:
        format_ = getattr(now, name)
        values[name] = None if format_ is None else format_.name
    draft.facts.append(
        facts.ConfigChange(
            session_id=draft.session_id,
            version=draft.version,
            seq=draft.moment.seq,
            trigger=trigger,
            at=draft.at,
            elapsed_ms=draft.now_ns / NS_PER_MS,
            changed=None if first else ", ".join(differing) or "other",
            **values,
        )
    )
