"""An S3-compatible server to test against: moto's, in a process of its own, or any that the environment names.

CALLTAPE_TEST_S3=http://127.0.0.1:7070 AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... pytest -k objects
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from pipeline.dataset_store import DatasetUrl

VARIABLE = "CALLTAPE_TEST_S3"
_SERVE = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@contextmanager
def object_server() -> Iterator[dict[str, str]]:
    """The options by which a server is reached."""
    if given := os.environ.get(VARIABLE):
        yield _options(given, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        return
    command = [sys.executable, "-W", "ignore", "-c", _SERVE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield _options(f"http://127.0.0.1:{server.stdout.readline().strip()}", "someone", "something")
        server.kill()


def new_place(options: dict[str, str]) -> DatasetUrl:
    """The address of a dataset that isn't there yet, in a bucket of its own."""
    bucket = f"calltape-{uuid.uuid4()}"
    client = boto3.client(
        "s3",
        endpoint_url=options["endpoint"],
        region_name=options["region"],
        aws_access_key_id=options["access_key_id"],
        aws_secret_access_key=options["secret_access_key"],
    )
    client.create_bucket(Bucket=bucket)
    client.close()
    return DatasetUrl(url=f"s3://{bucket}/calls/dataset", options=tuple(options.items()))


def _options(endpoint: str, key_id: str, key: str) -> dict[str, str]:
    return {
        "endpoint": endpoint,
        "region": "us-east-1",
        "access_key_id": key_id,
        "secret_access_key": key,
        "allow_http": "true",
    }
