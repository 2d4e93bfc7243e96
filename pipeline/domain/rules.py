"""The parameters of the fold: windows, words, prices. Given from outside, stored with the rows where they decide."""

import msgspec

from pipeline.domain.prices import PriceList


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    yield_window_ms: int = 2000
    """How long the agent may take to yield, and the user's turn to follow (METRICS section 3)."""
    speech_min_ms: int = 1000
    """Shorter speech of which no words are known is a backchannel."""
    transcript_wait_ms: int = 10_000
    """How long after the end of speech its transcript is waited for. One that comes later still corrects the class."""
    backchannels: dict[str, tuple[str, ...]] = {}
    """Language -> acknowledgements, in lower case without punctuation. All languages count at once."""
    backchannel_words_max: int = 2
    metered: PriceList = PriceList(name="none", prices={})
    """Per minute of audio and per token of text, whatever the model."""
    billed: PriceList = PriceList(name="none", prices={})
    """By usage, per model."""
