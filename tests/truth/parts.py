"""What a response of a generated session is made of."""

import msgspec


class Say(msgspec.Struct, frozen=True):
    """Speech, possibly with function calls whose arguments come in between (interleaved by output index)."""

    ms: float
    text: str = "well let me see"
    calls: tuple[str, ...] = ()
    pace: float = 10.0


class Write(msgspec.Struct, frozen=True):
    text: str = "Here you are."


class Ring(msgspec.Struct, frozen=True):
    """A function call."""

    name: str = "get_weather"


class Mcp(msgspec.Struct, frozen=True):
    """A call of a server's tool, which the API makes by itself."""

    name: str = "search"
    takes_ms: float = 600.0
    fails: bool = False


Part = Say | Write | Ring | Mcp


class Reply(msgspec.Struct, frozen=True):
    parts: tuple[Part, ...] = (Say(1500),)
    status: str = "completed"
    reason: str | None = None
    think_ms: float = 300.0
