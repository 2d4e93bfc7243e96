"""How the programs log: one line per fact for operators, constant text with values as fields, never a payload."""

import logging
import sys

import structlog


def configure_logs() -> None:
    """Log to standard error: readable on a terminal, JSON lines elsewhere."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    to_standard_error = logging.StreamHandler(sys.stderr)
    to_standard_error.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.getLogger("websockets").setLevel(logging.WARNING)  # it tells of each connection, as we do
    root = logging.getLogger()
    root.handlers[:] = [to_standard_error]
    root.setLevel(logging.INFO)
    for talkative in ("faust", "mode", "aiokafka"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
