"""C2PA content credentials: a signed statement inside a film that it was generated, and by what (spec.c2pa.org). Needs the extra `c2pa`.

The signature is worth what its certificate is worth. A certificate that a checker trusts comes from a certificate authority; the one that
``certificate_for_tests`` makes says of itself that it is for tests.
"""

import datetime
import json
import os
from dataclasses import dataclass
from pathlib import Path

from visavis import __version__
from visavis.film.mark import SOURCE_TYPE, STATEMENT

SIGNED_KINDS = (".mp4", ".mov")
"""Films that can hold credentials; C2PA knows no WebM."""

TEST_NAME = "visavis TEST certificate - proves nothing"
TEST_DAYS = 30


class CredentialsError(ValueError):
    """A certificate that cannot be used, or a film without credentials."""


@dataclass(frozen=True)
class Certificate:
    """chain: PEM, the signer's certificate first. key: PEM, its private key. algorithm: name of the signature in C2PA."""

    chain: bytes
    key: bytes
    algorithm: str


@dataclass(frozen=True)
class Credentials:
    """What a film's credentials say. intact: the film is as it was signed. trusted: the signer is on this machine's list of C2PA.
    issuer: of the certificate. generator, source_types: what made it, and of what kind it is (IPTC)."""

    intact: bool
    trusted: bool
    issuer: str
    generator: str
    source_types: tuple[str, ...]


def read_certificate(chain: Path, key: Path) -> Certificate:
    """A certificate chain and its key from PEM files. CredentialsError where they cannot be read or are of a kind that
    C2PA does not know."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        chain_pem, key_pem = chain.read_bytes(), key.read_bytes()
        private = load_pem_private_key(key_pem, None)
    except (OSError, ValueError, TypeError) as error:
        raise CredentialsError(
            f"cannot read the certificate {chain} with the key {key} ({error}): give PEM files, the key unencrypted"
        ) from error
    if isinstance(private, ec.EllipticCurvePrivateKey):
        algorithm = {256: "es256", 384: "es384", 521: "es512"}.get(private.curve.key_size, "")
    else:
        algorithm = (
            "ed25519" if isinstance(private, ed25519.Ed25519PrivateKey) else "ps256" if isinstance(private, rsa.RSAPrivateKey) else ""
        )
    if not algorithm:
        raise CredentialsError(f"{key} is of a kind that C2PA does not know: use P-256, P-384, P-521, Ed25519 or RSA")
    return Certificate(chain_pem, key_pem, algorithm)


def certificate_for_tests() -> Certificate:
    """A new certificate of a new authority, both named ``TEST_NAME``: it shows that signing works, and that nobody vouches for it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.UTC)
    authority, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def named(role: str) -> x509.Name:
        names = ((NameOID.COMMON_NAME, f"{TEST_NAME}, {role}"), (NameOID.ORGANIZATION_NAME, TEST_NAME))
        return x509.Name([x509.NameAttribute(kind, text) for kind, text in names])

    def certificate(role: str, key: ec.EllipticCurvePrivateKey, is_authority: bool) -> x509.Certificate:
        use = x509.KeyUsage(not is_authority, False, False, False, False, is_authority, is_authority, False, False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(role))
            .issuer_name(named("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=TEST_DAYS))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(use, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if not is_authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purpose, critical=False).add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False
            )
        return builder.sign(authority, hashes.SHA256())

    chain = [certificate("signer", signer, False), certificate("authority", authority, True)]
    key = signer.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Certificate(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain), key, "es256")


def sign_film(path: Path, certificate: Certificate) -> None:
    """Put credentials into the film at ``path``, which is replaced only when that has worked; CredentialsError otherwise."""
    import c2pa

    if path.suffix.lower() not in SIGNED_KINDS:
        raise CredentialsError(f"{path} cannot hold C2PA credentials: only {' and '.join(SIGNED_KINDS)} can")
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "description": STATEMENT}
    statement = {
        "claim_generator_info": [{"name": "visavis", "version": __version__}],
        "title": path.name,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
    part = path.with_name(f".{path.stem}.{os.getpid()}.signed{path.suffix}")
    try:
        information = c2pa.C2paSignerInfo(certificate.algorithm, certificate.chain, certificate.key, None)
        with c2pa.Signer.from_info(information) as signer, c2pa.Builder(statement) as builder:
            builder.sign_file(str(path), str(part), signer)
        os.replace(part, path)
    except c2pa.C2paError as error:
        raise CredentialsError(f"{path} could not be signed: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def read_credentials(path: Path) -> Credentials:
    """What the credentials of the film at ``path`` say. CredentialsError where it has none."""
    import c2pa

    try:
        with c2pa.Reader(str(path)) as reader:
            report = json.loads(reader.json())
    except c2pa.C2paError as error:
        raise CredentialsError(f"{path} has no C2PA credentials that can be read: {error}") from error
    manifest = report["manifests"][report["active_manifest"]]
    actions = [action for each in manifest["assertions"] if each["label"].startswith("c2pa.actions") for action in each["data"]["actions"]]
    generator = manifest["claim_generator_info"][0]
    return Credentials(
        intact=report["validation_state"] in ("Valid", "Trusted"),
        trusted=report["validation_state"] == "Trusted",
        issuer=manifest["signature_info"]["issuer"],
        generator=f"{generator['name']}/{generator.get('version', '')}",
        source_types=tuple(action["digitalSourceType"] for action in actions if "digitalSourceType" in action),
    )
