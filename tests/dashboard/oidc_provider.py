"""An OIDC provider over real HTTP: discovery, authorization with PKCE, tokens signed by a key of its own, the end.

Whoever comes to it is taken to be `user`, without a question: that is the one thing in which it is no provider.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "calltape", "a secret of the client"
ANN = {"sub": "ann-1", "email": "ann@example.com", "email_verified": True, "name": "Ann"}


class Provider:
    """What it knows: who comes, which codes it gave, and what was asked of it."""

    def __init__(self) -> None:
        self.user: dict[str, Any] = dict(ANN)
        self.issued_s_ago = 0
        self.signing_key = self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        self.issuer = ""
        self.asked: list[str] = []
        """Paths, in the order in which they were asked for."""
        self._codes: dict[str, dict[str, str]] = {}

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def authorized(self, query: dict[str, str]) -> str:
        """Where to go from the authorization endpoint."""
        assert query["client_id"] == CLIENT_ID
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str | None) -> dict[str, Any] | None:
        """The tokens for a code, once; None where client, code, address or verifier are not those of before."""
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        known = authorization == "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if asked is None or not known or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        if challenge.decode() != asked["code_challenge"]:
            return None
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "exp": now + 3600, "iat": now - self.issued_s_ago}
        claims |= {"nonce": asked["nonce"], **self.user}
        id_token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.signing_key)
        return {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "id_token": id_token}


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider that answers, on a free port."""
    provider = Provider()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            match parts.path:
                case "/.well-known/openid-configuration":
                    self._json(200, provider.discovery())
                case "/jwks":
                    self._json(200, {"keys": [provider.key.as_dict(private=False)]})
                case "/authorize":
                    self._go(provider.authorized(query))
                case "/end":
                    self._go(query["post_logout_redirect_uri"])
                case _:
                    self._json(404, {})

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            found = provider.token(form, self.headers.get("Authorization"))
            self._json(*((400, {"error": "invalid_grant"}) if found is None else (200, found)))

        def _go(self, to: str) -> None:
            self.send_response(302)
            self.send_header("Location", to)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _json(self, status: int, body: dict[str, Any]) -> None:
            told = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # as its base has it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
