"""A cluster that asks for TLS and a password: every program of ours gets in with both, and none without."""

from pathlib import Path

from tests.ingest.relay_world import certificate
from tests.kafka.broker import PASSWORD, USER, Broker, Certificate
from tests.kafka.programs import Programs
from tests.pipeline.builders import folded, journal, session_id, story


def test_every_program_signs_in_by_tls_and_sasl(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    (tmp_path / "both.pem").write_text(key.read_text() + chain.read_text())
    served = Certificate(tmp_path / "both.pem", chain)
    secured = {
        "CALLTAPE_KAFKA_SECURITY": "SASL_SSL",
        "CALLTAPE_KAFKA_USERNAME": USER,
        "CALLTAPE_KAFKA_PASSWORD": PASSWORD,
        "CALLTAPE_KAFKA_CA": str(served.ca),
    }
    events = story(session_id(1))
    with Broker(tmp_path / "broker", served) as broker:
        with Programs(broker.bootstrap, tmp_path / "data", environment=secured) as programs:
            journal(programs.data_dir, events)
            programs.start("publisher", "publish")
            programs.start("pipeline", "pipeline")

            programs.until("select count(*) from sessions where complete", 1)
            programs.until("select count(*) from events", len(events))
            programs.until_stored(folded(events))
            assert "BAD" not in programs.done("topics", "check")

        programs.environment["CALLTAPE_KAFKA_PASSWORD"] = "wrong"
        refused = programs.done("topics", "check", code=1)

    assert "Traceback" not in refused
    assert PASSWORD not in refused
