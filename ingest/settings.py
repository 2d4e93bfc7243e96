"""What the ingest worker can be told, and what it refuses to be told."""

import re
import socket
import ssl
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from ingest.call_settings import CallSettings
from ingest.kafka import MESSAGE_MAX_BYTES, KafkaSettings
from ingest.limit_settings import LimitSettings
from ingest.upstream import Upstream

RELAY_KEY_LENGTH_MIN = 16
OPENAI_HOST = "api.openai.com"
"""And its regions, such as eu.api.openai.com."""
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NOT_SETTABLE = {"host", "connection", "upgrade", "content-length", "transfer-encoding"}


def own_name() -> str:
    """The machine's name as far as it can name a folder."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()).strip(".-")[:63] or "worker"


class IngestSettings(KafkaSettings, CallSettings, LimitSettings):
    """Relay realtime sessions to the API and record them. With --kafka, also publish what is recorded."""

    host: str = Field(default="127.0.0.1", description="Address the relay listens on; 0.0.0.0 for all.")
    port: int = Field(default=8900, ge=0, le=65535, description="Port the relay listens on; 0: any free one.")
    tls_cert: Path | None = Field(default=None, description="Certificate chain (PEM) to serve wss and https with.")
    tls_key: Path | None = Field(default=None, description="Private key (PEM) of tls_cert.")

    upstream: str = Field(
        default="wss://api.openai.com",
        description="API to relay to. A path in it is put in front of the client's path.",
    )
    upstream_headers: dict[str, SecretStr] = Field(
        default={},
        description="Headers set on each request to the upstream, in place of the client's, such as api-key.",
    )
    upstream_ca: Path | None = Field(
        default=None, description="Certificates (PEM) to trust for the upstream instead of the system's."
    )
    dial_timeout_seconds: float = Field(
        default=10.0, gt=0, description="Longest wait for the upstream to take a connection and to answer an upgrade."
    )
    beta_header: Literal["auto", "pass", "strip"] = Field(
        default="auto",
        description="What becomes of OpenAI-Beta: realtime=v1, with which OpenAI refuses sessions since May 2026. "
        "auto: strip it on the way to OpenAI itself, pass it to other servers.",
    )
    beta: Literal["pass", "translate"] = Field(
        default="pass",
        description="translate: clients that ask for the retired beta shape get it, and the upstream gets GA; what was "
        "rewritten is in the log.",
    )
    beta_models: dict[str, str] = Field(
        default={
            "gpt-4o-realtime-preview": "gpt-realtime",
            "gpt-4o-mini-realtime-preview": "gpt-realtime-mini",
        },
        description="With beta = translate: models to ask for in place of retired ones, by how those begin.",
    )

    api_key: SecretStr = Field(
        default=SecretStr(""), description="The upstream's key, held here: clients then come with a key of relay_keys."
    )
    api_key_header: Literal["authorization", "api-key"] = Field(
        default="authorization",
        description="Header that carries api_key: authorization (as Bearer), or api-key for Azure.",
    )
    relay_keys: dict[str, SecretStr] = Field(
        default={}, description="Keys that admit clients, by name; the name is recorded. Only together with api_key."
    )

    data_dir: Path = Field(default=Path("calltape-data"), description="Folder that holds the journal and the dataset.")
    worker: str = Field(
        default_factory=own_name,
        description="This worker's name: its folder in the journal. Default: the host's.",
    )
    journal_segment_max_mib: int = Field(
        default=64, ge=1, description="Size at which a file of the journal is closed, MiB."
    )
    journal_max_gib: float = Field(
        default=20.0, gt=0, description="Size at which the journal takes no more and events are lost (counted), GiB."
    )
    journal_keep_gib: float = Field(
        default=1.0, ge=0, description="Read events that are kept nevertheless, for a rebuild of a lost dataset, GiB."
    )
    message_max_mib: int = Field(
        default=24,
        ge=1,
        le=1024,
        description="Largest message recorded, MiB; larger ones are relayed and counted as lost.",
    )

    drain_seconds: float = Field(
        default=30.0, ge=0, description="How long running sessions may go on after the first SIGTERM or Ctrl-C."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address for GET /healthz and GET /metrics.")
    metrics_port: int = Field(
        default=8903, ge=-1, le=65535, description="Port for GET /healthz and GET /metrics; 0: any free one; -1: none."
    )

    @field_validator("upstream")
    @classmethod
    def _upstream_is_usable(cls, url: str) -> str:
        Upstream.of(url)
        return url

    @field_validator("worker")
    @classmethod
    def _worker_names_a_folder(cls, name: str) -> str:
        if not _SAFE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} can't name a folder: use up to 63 letters, digits, dots, dashes, underscores")
        return name

    @field_validator("upstream_headers")
    @classmethod
    def _headers_can_be_sent(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no header's name")
            if name.lower() in _NOT_SETTABLE or name.lower().startswith("sec-websocket-"):
                raise ValueError(f"{name} belongs to the connection itself and can't be set: leave it out")
            secret = value.get_secret_value()
            if not secret.isascii() or not secret.isprintable():
                raise ValueError(f"the value of {name} has characters that a header can't carry")
        return headers

    @field_validator("api_key", "sideband_api_key")
    @classmethod
    def _key_can_be_sent(cls, key: SecretStr) -> SecretStr:
        if re.search(r"[^!-~]", key.get_secret_value()):
            raise ValueError("has blanks or characters that a header can't carry: check how it was copied")
        return key

    @model_validator(mode="after")
    def _custody_is_whole(self) -> Self:
        if self.api_key.get_secret_value() and not self.relay_keys:
            raise ValueError("api_key without relay_keys: anyone who reaches the port could spend it; add relay_keys")
        if self.relay_keys and not self.api_key.get_secret_value():
            raise ValueError("relay_keys without api_key: there is nothing to call the upstream with; add api_key")
        for name, key in self.relay_keys.items():
            if len(key.get_secret_value()) < RELAY_KEY_LENGTH_MIN:
                raise ValueError(f"relay key {name!r} has less than {RELAY_KEY_LENGTH_MIN} characters: make it longer")
        if len({key.get_secret_value() for key in self.relay_keys.values()}) < len(self.relay_keys):
            raise ValueError("two relay_keys are the same key: a session could not say by which it was admitted")
        return self

    @model_validator(mode="after")
    def _messages_fit_into_kafka(self) -> Self:
        if self.kafka and self.message_max_mib << 20 > MESSAGE_MAX_BYTES:
            raise ValueError(
                f"message_max_mib is at most {MESSAGE_MAX_BYTES >> 20} with kafka: the topics take no more"
            )
        return self

    @model_validator(mode="after")
    def _telephone_calls_can_be_attached_to(self) -> Self:
        if self.webhook_secrets and not (self.sideband_api_key or self.api_key).get_secret_value():
            raise ValueError("webhook_secrets without sideband_api_key: there is nothing to attach to calls with")
        return self

    @model_validator(mode="after")
    def _limits_are_somebodys(self) -> Self:
        for name in self.limits:
            if name not in self.relay_keys:
                raise ValueError(f"limits of {name!r}: there is no such relay key")
        return self

    @model_validator(mode="after")
    def _certificates_can_be_used(self) -> Self:
        if (self.tls_cert is None) is not (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together: give both or neither")
        self.server_tls()
        self.upstream_tls()
        return self

    @property
    def strips_beta(self) -> bool:
        """Whether the upstream is not asked for the retired beta, whatever the client says (PROTOCOL, 1.6 and 7)."""
        if self.beta_header != "auto":
            return self.beta_header == "strip"
        host = Upstream.of(self.upstream).host
        return host == OPENAI_HOST or host.endswith("." + OPENAI_HOST)

    def server_tls(self) -> ssl.SSLContext | None:
        """What to serve TLS with, or None. Raises ValueError where the files can't be used."""
        if self.tls_cert is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self.tls_cert, self.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(
                f"tls_cert {self.tls_cert} with tls_key {self.tls_key}: {_fault(error)}; "
                "both must be readable PEM files that belong together"
            ) from error
        context.set_alpn_protocols(["http/1.1"])
        return context

    def upstream_tls(self) -> ssl.SSLContext | None:
        """What to dial TLS with, or None. Raises ValueError where the trusted certificates can't be read."""
        if not Upstream.of(self.upstream).tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.upstream_ca)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(
                f"upstream_ca {self.upstream_ca}: {_fault(error)}; it must be a readable PEM file"
            ) from error
        context.set_alpn_protocols(["http/1.1"])
        return context


def _fault(error: OSError) -> str:
    # The library's own text holds a place in its C source, which helps nobody.
    return error.strerror.partition(" (_ssl.c")[0] if error.strerror else str(error)
