"""The parts of a worker put together from its settings. Decides nothing, opens nothing."""

from ingest.attaching import Door
from ingest.call_watching import Watching
from ingest.counts import Counts
from ingest.dialing import Dialer
from ingest.heads import Rules, key_header
from ingest.minted import Minted
from ingest.parts import Parts
from ingest.recordings import Recordings
from ingest.settings import IngestSettings
from ingest.sideband import Manners
from ingest.sidebands import Sidebands
from ingest.steering import Steering
from ingest.telephone import Telephone
from ingest.upstream import Upstream
from ingest.warden import NothingSpent, Spending, Warden
from ingest.webhooks import Receiver, key_of


def parts(settings: IngestSettings, recordings: Recordings, counts: Counts, spending: Spending | None = None) -> Parts:
    """What all conversations of the worker share."""
    upstream = Upstream.of(settings.upstream)
    tls = settings.upstream_tls()
    dialer = Dialer(upstream=upstream, tls=tls, timeout_seconds=settings.dial_timeout_seconds)
    door = Door(
        upstream=upstream,
        tls=tls,
        timeout_seconds=settings.dial_timeout_seconds,
        message_max_bytes=settings.message_max_mib << 20,
    )
    manners = Manners(
        quiet_seconds=settings.sideband_quiet_seconds, ask_configuration=settings.sideband_ask_configuration
    )
    warden = Warden(settings.limit_book(), spending or NothingSpent())
    sidebands = Sidebands(recordings, counts, door, manners, warden=warden, steering=Steering(dialer=dialer))
    watching = Watching(
        sidebands=sidebands if settings.sideband else None,
        minted=Minted(),
        counts=counts,
        attach_key=settings.sideband_api_key.get_secret_value(),
    )
    return Parts(
        rules=_rules(settings, upstream),
        dialer=dialer,
        recordings=recordings,
        counts=counts,
        splices=set(),
        message_max_bytes=settings.message_max_mib << 20,
        watching=watching,
        sidebands=sidebands,
        warden=warden,
        telephone=_telephone(settings, sidebands, warden, dialer, counts) if settings.webhook_secrets else None,
    )


def _rules(settings: IngestSettings, upstream: Upstream) -> Rules:
    return Rules(
        upstream=upstream,
        headers={name: value.get_secret_value() for name, value in settings.upstream_headers.items()},
        api_key=settings.api_key.get_secret_value(),
        api_key_header=settings.api_key_header,
        relay_keys={name: key.get_secret_value() for name, key in settings.relay_keys.items()},
        strip_beta=settings.strips_beta,
        translate_beta=settings.beta == "translate",
        beta_models=settings.beta_models,
        cors_origins=tuple(settings.cors_origins),
    )


def _telephone(
    settings: IngestSettings, sidebands: Sidebands, warden: Warden, dialer: Dialer, counts: Counts
) -> Telephone:
    key = (settings.sideband_api_key.get_secret_value()) or settings.api_key.get_secret_value()
    return Telephone(
        path=settings.webhook_path,
        receiver=Receiver([key_of(secret.get_secret_value()) for secret in settings.webhook_secrets]),
        decisions=settings.decisions(),
        discretion=settings.discretion(),
        credentials=[key_header(key, settings.api_key_header)],
        upstream_host=dialer.upstream.authority,
        sidebands=sidebands,
        steering=Steering(dialer=dialer),
        warden=warden,
        counts=counts,
    )
