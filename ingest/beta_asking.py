"""How a client asks for the retired beta shape, and which models went with it (PROTOCOL 1.6 and 3.1). Pure."""

from collections.abc import Iterable, Mapping

from ingest.credentials import BETA_ITEM

HEADER = "openai-beta"
VALUE = "realtime=v1"


def asks(headers: Mapping[str, str], subprotocols: Iterable[str]) -> bool:
    """Whether a client wants the beta shape: by header, or as a browser by subprotocol. Names in lower case."""
    values = headers.get(HEADER, "").lower().replace(" ", "").split(",")
    return VALUE in values or any(item.startswith(BETA_ITEM) for item in subprotocols)


def with_known_model(target: str, models: Mapping[str, str]) -> str:
    """The path and query with a model that is still there, by how the retired one begins; all else as it was sent."""
    path, mark, query = target.partition("?")
    return path + mark + "&".join(_known(pair, models) for pair in query.split("&"))


def _known(pair: str, models: Mapping[str, str]) -> str:
    name, _, model = pair.partition("=")
    begins = [retired for retired in models if model.startswith(retired)]
    return f"model={models[max(begins, key=len)]}" if name == "model" and begins else pair
