"""How any program of ours reaches a Kafka cluster, and what the topics that ingest writes are called."""

import ssl
from pathlib import Path
from typing import Any, Literal, Self

from aiokafka.helpers import create_ssl_context
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

MESSAGE_MAX_BYTES = 24 << 20
"""The largest message that is recorded by default; topics, producers and consumers must take it."""
RECORD_MAX_BYTES = MESSAGE_MAX_BYTES + (1 << 20)
"""The same with key, headers and the batch around it."""


class KafkaSettings(BaseModel):
    """Where the cluster is and how to be let in. The same keys for every program."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kafka: str = Field(default="", description="Kafka bootstrap servers, as in kafka-1:9092,kafka-2:9092.")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="Kafka's security protocol."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="PLAIN", description="How to sign in, with SASL_PLAINTEXT or SASL_SSL."
    )
    kafka_username: str = Field(default="", description="User name, with SASL.")
    kafka_password: SecretStr = Field(default=SecretStr(""), description="Password, with SASL.")
    kafka_ca: Path | None = Field(
        default=None, description="Certificates (PEM) to trust for the brokers instead of the system's."
    )
    kafka_cert: Path | None = Field(default=None, description="Client certificate (PEM), where brokers ask for one.")
    kafka_key: Path | None = Field(default=None, description="Private key (PEM) of kafka_cert.")
    kafka_topic_prefix: str = Field(
        default="calltape", pattern=r"^[A-Za-z0-9._-]{1,100}$", description="What the topics' names begin with."
    )

    @field_validator("kafka")
    @classmethod
    def _servers_have_ports(cls, servers: str) -> str:
        for server in filter(None, servers.split(",")):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError(f"{server.strip()!r} is no host:port")
        return servers

    @model_validator(mode="after")
    def _security_is_whole(self) -> Self:
        if self.kafka_security.startswith("SASL") and not self.kafka_username:
            raise ValueError(f"kafka_security {self.kafka_security} needs kafka_username and kafka_password")
        if (self.kafka_cert is None) is not (self.kafka_key is None):
            raise ValueError("kafka_cert and kafka_key go together: give both or neither")
        kafka_tls(self)
        return self


class ClusterSettings(KafkaSettings):
    """For programs that can't do without a cluster."""

    @field_validator("kafka")
    @classmethod
    def _is_given(cls, servers: str) -> str:
        if not servers:
            raise ValueError("names no cluster: set --kafka host:9092 or CALLTAPE_KAFKA")
        return servers

    kafka: str = Field(
        default="", validate_default=True, description="Kafka bootstrap servers, as in kafka-1:9092,kafka-2:9092."
    )


def kafka_tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    """What to dial the brokers with, or None. Raises ValueError where the files can't be used."""
    if not settings.kafka_security.endswith("SSL"):
        return None
    files = (settings.kafka_ca, settings.kafka_cert, settings.kafka_key)
    try:
        context: ssl.SSLContext = create_ssl_context(cafile=files[0], certfile=files[1], keyfile=files[2])
    except (OSError, ssl.SSLError) as error:
        named = ", ".join(str(path) for path in files if path)
        raise ValueError(f"{named}: {error.strerror or error}; they must be readable PEM files") from error
    return context


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """What every client of aiokafka is to be given to reach the cluster."""
    found: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in settings.kafka.split(",") if server.strip()],
        "security_protocol": settings.kafka_security,
        "ssl_context": kafka_tls(settings),
    }
    if settings.kafka_security.startswith("SASL"):
        found |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
        }
    return found


def events_topic(prefix: str) -> str:
    """Every recorded event, verbatim: CloudEvents in binary mode, keyed by session."""
    return f"{prefix}.events"


def signals_topic(prefix: str) -> str:
    """The same events without their audio, several to a record, keyed by session (see `ingest.signals`)."""
    return f"{prefix}.signals"


def facts_topic(prefix: str, table: str) -> str:
    """A table's rows as JSON, version after version, keyed by session."""
    return f"{prefix}.facts.{table}"
