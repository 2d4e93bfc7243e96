"""Facts -> `*.facts.<table>`: each row as JSON, keyed by session, so that a session's rows keep their order."""

import msgspec

from ingest.kafka import facts_topic
from ingest.producing import Producer, Sent
from pipeline.dataset_schemas import table_of
from pipeline.domain.facts import Fact

_encode = msgspec.json.Encoder().encode


async def send_fact(producer: Producer, prefix: str, fact: Fact) -> Sent:
    """Hand a row over. Raises ClusterAway."""
    return await producer.send(facts_topic(prefix, table_of(fact)), fact.session_id, _encode(fact))
