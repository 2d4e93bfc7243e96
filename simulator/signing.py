"""Signatures of webhooks as the API makes them: Standard Webhooks, HMAC-SHA256 (PROTOCOL 2). Pure."""

import base64
import hashlib
import hmac

PREFIX = "whsec_"


def signed(secret: str, webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers for a body; the secret as the API shows it, `whsec_` and base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.new(key, f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
