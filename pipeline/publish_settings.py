"""Settings of the publisher, with the dataset whose archive it may send."""

from ingest.publish_settings import PublishSettings
from pipeline.place import DatasetPlace


class PublishPlace(DatasetPlace, PublishSettings):
    """Send what the journals hold to Kafka, and go on as they grow.

    `calltape ingest` does it by itself where it is told of a cluster.
    """
