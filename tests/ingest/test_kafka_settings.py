"""How to reach a cluster: what is refused before anything starts, and what clients are given."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from ingest.kafka import ClusterSettings, KafkaSettings, connection
from ingest.settings import IngestSettings


def refusal(**settings: object) -> str:
    with pytest.raises(ValidationError) as refused:
        ClusterSettings(**settings)  # type: ignore[arg-type]
    return str(refused.value)


def test_a_mistake_is_named_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")

    assert "names no cluster: set --kafka" in refusal()
    assert "'broker' is no host:port" in refusal(kafka="a:9092,broker")
    assert "needs kafka_username" in refusal(kafka="a:1", kafka_security="SASL_SSL")
    assert "give both or neither" in refusal(kafka="a:1", kafka_cert="c.pem")
    assert "no.pem" in refusal(kafka="a:1", kafka_security="SSL", kafka_ca=tmp_path / "no.pem")
    assert "missing.pem" in refusal(kafka="a:1", kafka_security="SSL", kafka_ca="missing.pem")


def test_a_worker_without_a_cluster_is_fine_and_with_one_takes_no_message_that_does_not_fit() -> None:
    assert IngestSettings(message_max_mib=100).message_max_mib == 100
    with pytest.raises(ValidationError, match="at most 24 with kafka"):
        IngestSettings(kafka="a:9092", message_max_mib=25)


def test_clients_sign_in_as_told() -> None:
    plain = connection(KafkaSettings(kafka="a:9092, b:9092"))
    signed = connection(
        KafkaSettings(
            kafka="a:9092",
            kafka_security="SASL_SSL",
            kafka_sasl_mechanism="SCRAM-SHA-512",
            kafka_username="calltape",
            kafka_password=SecretStr("secret"),
        )
    )

    assert plain == {"bootstrap_servers": ["a:9092", "b:9092"], "security_protocol": "PLAINTEXT", "ssl_context": None}
    assert signed["ssl_context"] is not None
    assert signed | {"ssl_context": None} == {
        "bootstrap_servers": ["a:9092"],
        "security_protocol": "SASL_SSL",
        "ssl_context": None,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "calltape",
        "sasl_plain_password": "secret",
    }
