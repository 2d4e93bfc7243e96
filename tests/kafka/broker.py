"""A real Apache Kafka for the tests: one node in KRaft mode, from the jars that Maven Central has.

`make test` runs this before pytest to have the jars. Where `KAFKA_BOOTSTRAP_SERVERS` is set, that cluster serves the
tests that only need a broker; those that kill one always start their own. It never fails: without Java or the jars
the tests do, and say why.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Self

HERE = Path(__file__).parent
JARS = HERE.parent.parent / ".venv" / "kafka-jars"
WITHIN_S = 600
UP_WITHIN_S = 120
MISSING = (
    "no Kafka: the tests that need a broker will FAIL.\n"
    "They need Java 17 or newer, kcat, and Maven once to fetch the jars (Debian, Ubuntu: `sudo apt-get install "
    "default-jre-headless maven kcat`), or a cluster named in KAFKA_BOOTSTRAP_SERVERS.\n"
    "To leave these tests out: pytest -m 'not kafka'"
)
_CLUSTER = "Y2FsbHRhcGUtdGVzdC1lbg"
"""Any UUID in base64: the name that a KRaft node's folder is formatted with."""


class NotThere(Exception):
    """No broker can be started; the message says what to do."""


class Certificate(NamedTuple):
    """What a broker serves TLS with, in PEM files."""

    key_and_chain: Path
    ca: Path


USER, PASSWORD = "calltape", "a secret"


class Broker:
    """One Kafka node on loopback. Its ports stay the same when it is started again, and so does its log.

    With a certificate it takes clients by SASL_SSL alone, as USER with PASSWORD.
    """

    def __init__(self, folder: Path, certificate: Certificate | None = None) -> None:
        self._folder = folder
        self._certificate = certificate
        from bench.ports import free_port  # not above: `make test` runs this file alone, and then there is no `bench`

        self._port, self._controller = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._properties = folder / "server.properties"
        self._properties.write_text(self._settings())
        self._java("kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(self._properties))

    @property
    def bootstrap(self) -> str:
        """Where clients find it."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Have it accept connections. Raises NotThere with the end of its log where it doesn't."""
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_command(), "kafka.Kafka", str(self._properties)], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.1)
        raise NotThere(f"the broker did not start: {(self._folder / 'broker.log').read_text()[-2000:]}")

    def kill(self) -> None:
        """`kill -9`: what it had not flushed is in the page cache, as after any crash of a process."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait until it is down."""
        self._end(signal.SIGTERM)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.kill()

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(UP_WITHIN_S)
            self._process = None

    def _java(self, *arguments: str) -> None:
        done = subprocess.run(
            [*_command(), *arguments], capture_output=True, text=True, check=False, timeout=UP_WITHIN_S
        )
        if done.returncode:
            raise NotThere(f"{arguments[0]}: {done.stdout}{done.stderr}")

    def _settings(self) -> str:
        return f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{self._controller}
controller.listener.names=CONTROLLER
listeners={self._protocol}://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{self._controller}
listener.security.protocol.map={self._protocol}:{self._protocol},CONTROLLER:PLAINTEXT
inter.broker.listener.name={self._protocol}
{self._security()}
log.dirs={self._folder / "log"}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.segment.bytes=67108864
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""

    @property
    def _protocol(self) -> str:
        return "SASL_SSL" if self._certificate else "PLAINTEXT"

    def _security(self) -> str:
        if self._certificate is None:
            return ""
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        return f"""
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config={login} username="a" password="b" user_a="b" user_{USER}="{PASSWORD}";
ssl.keystore.type=PEM
ssl.keystore.location={self._certificate.key_and_chain}
ssl.truststore.type=PEM
ssl.truststore.location={self._certificate.ca}
"""


def found() -> bool:
    """Whether a broker can be started here, and read by a program that is none of ours."""
    return None not in {_java(), shutil.which("kcat")} and any(JARS.glob("kafka_*.jar"))


def fetch() -> None:
    """The jars by Maven, and Java and Maven by Debian's packages where we are root on a machine that has apt-get."""
    if None in {_java(), shutil.which("mvn"), shutil.which("kcat")}:
        _install()
    maven = shutil.which("mvn")
    if maven is None or _java() is None:
        return
    print("fetching Apache Kafka's jars for the tests (Maven Central)", flush=True)
    arguments = ["-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
    try:
        subprocess.run([maven, *arguments, f"-DoutputDirectory={JARS}"], check=True, timeout=WITHIN_S)
    except (subprocess.SubprocessError, OSError) as fault:
        print(f"mvn did not work: {fault}", file=sys.stderr)


def _install() -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    print("installing Java and Maven for the tests' broker (apt-get install)", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    packages = ["default-jre-headless", "maven", "kcat"]
    for wanted in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
        try:
            subprocess.run([apt, *wanted], env=quiet, check=True, timeout=WITHIN_S, stdout=subprocess.DEVNULL)
        except (subprocess.SubprocessError, OSError) as fault:
            print(f"apt-get {wanted[0]} did not work: {fault}", file=sys.stderr)
            return


def _java() -> str | None:
    return shutil.which("java")


def _command() -> list[str]:
    java = _java()
    if java is None or not found():
        raise NotThere(MISSING)
    # A small heap is plenty for a test, and Kafka keeps its data in the page cache anyway.
    return [java, "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{JARS}/*"]


def main() -> None:
    """Look, fetch where that is possible, and say what was found."""
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        print(f"Kafka tests use {os.environ['KAFKA_BOOTSTRAP_SERVERS']}", flush=True)
    if not found():
        fetch()
    print("Kafka tests start their own broker" if found() else f"{'=' * 78}\n{MISSING}\n{'=' * 78}", flush=True)


if __name__ == "__main__":
    main()
