"""Who may use the page: the rules for host, origin and token. Pure.

A page of another site can have a visitor's browser send requests to this machine, also under a name of its own that it lets point here
(DNS rebinding). So the name in Host must be one that this server goes by, and a socket is opened only for the page's own origin.
"""

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

COOKIE = "visavis"
MIN_TOKEN = 16
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class AccessError(ValueError):
    """The bridge must not be opened this way; the text says what to do."""


@dataclass(frozen=True)
class Access:
    """host: the address the server binds to. token: the shared secret, empty for none. names: further host names it goes by."""

    host: str
    token: str = ""
    names: tuple[str, ...] = ()
    tls: bool = False

    def __post_init__(self) -> None:
        if not self.local:
            if not self.token:
                raise AccessError(
                    f"host is {self.host}, which others can reach: set the parameter token to a secret of at least {MIN_TOKEN} characters "
                    "(`openssl rand -hex 16`), or leave host at 127.0.0.1"
                )
            if not self.tls:
                raise AccessError(
                    f"host is {self.host}, which others can reach: set tls_certificate and tls_key to PEM files "
                    "(`openssl req -x509 -newkey rsa:2048 -nodes -days 365 -keyout key.pem -out cert.pem`), or leave host at 127.0.0.1"
                )
        if self.token and len(self.token) < MIN_TOKEN:
            raise AccessError(f"token has {len(self.token)} characters: use at least {MIN_TOKEN} (`openssl rand -hex 16`)")

    @property
    def local(self) -> bool:
        """Only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def cookie(self) -> str:
        """What the browser keeps in place of the token."""
        return hmac.new(self.token.encode(), b"visavis web bridge", hashlib.sha256).hexdigest()

    def knows_host(self, header: str | None) -> bool:
        """The Host header names this server: an address, or a name that it was given. Other names may point here by DNS rebinding."""
        name = host_name(header or "")
        if name is None:
            return False
        if name in LOOPBACK_NAMES or name in (one.lower() for one in (self.host, *self.names)):
            return True
        return not self.local and _is_address(name)

    def knows_origin(self, origin: str | None, host_header: str | None) -> bool:
        """The page that asks is this server's own. Programs that are no browsers send no origin; they need the token like everybody."""
        if origin is None:
            return True
        parts = urlsplit_or_none(origin)
        scheme = "https" if self.tls else "http"
        return parts is not None and parts == (scheme, (host_header or "").lower()) and self.knows_host(host_header)

    def token_fits(self, given: str | None) -> bool:
        return not self.token or _same(given or "", self.token)

    def cookie_fits(self, given: str | None) -> bool:
        return not self.token or _same(given or "", self.cookie)


def is_loopback(host: str) -> bool:
    """``host`` is this machine, for itself only. An empty host means all addresses."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str | None:
    """The name in a Host header, in small letters, without port and brackets; None for what is no host."""
    if not header or any(character in header for character in "/\\@?# \t\r\n"):
        return None
    try:
        return urlsplit("//" + header).hostname
    except ValueError:
        return None


def urlsplit_or_none(origin: str) -> tuple[str, str] | None:
    """Scheme and host with port of an origin; None for what is no origin, "null" among it."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or parts.fragment:
        return None
    return parts.scheme, parts.netloc.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))
