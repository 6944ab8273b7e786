"""Tokens that must be refused, each with the check that has to notice, and good ones that are near them.

An attack begins with the line of the list it belongs to: E1 algorithms and headers, E2 serialisation, E3 claims,
E4 audience, issuer and subject.
"""

import base64
import json

# The order of the group of Ed25519 (RFC 8032 section 5.1).
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def refused(make) -> list[dict]:
    """`make` is the module tokens.py, which knows the keys."""
    every = [*algorithms_and_headers(make), *serialisations(make), *times_and_types(make), *names(make)]
    return [dict(zip(("attack", "check", "reason", "token"), row, strict=True)) for row in every]


def accepted(make) -> dict[str, str]:
    now, token = make.now, make.token
    return {
        "typ at+jwt": token(header={"typ": "at+jwt"}),
        "no typ": make.by_hand({"alg": "EdDSA", "kid": "ed"}, make.claims()),
        "no kid, one key fits": token(kid=None),
        "exp with a fraction": token(exp=now + 600.5),
        "expired for less than the leeway": token(iat=now - 600, exp=now - 15),
        "issued ahead by less than the leeway": token(iat=now + 15),
        "not before within the leeway": token(nbf=now + 15),
        "aud is a list with ours": token(aud=["web", "api"]),
        "unknown claims": token(nonce="n", auth_time=now, groups=[{"a": None}]),
        "act sixteen deep": token(act=actors(16, make.BOB)),
        "tenant of another kind": token(tenant_id="acme"),
        "session that is a number": token(session_id=7),
    }


def algorithms_and_headers(make):
    token, by_hand, claims = make.token, make.by_hand, make.claims
    ed, rsa_key = make.issuers.ed25519(), make.issuers.rsa()
    for name in ("none", "None", "NONE", "nOnE"):
        header = {"alg": name, "typ": "JWT", "kid": "ed"}
        yield f"E1 alg {name}, no signature", "format", "malformed", by_hand(header, claims(), b"")
        yield f"E1 alg {name}, with a signature", "format", "unsupported_algorithm", by_hand(header, claims())
    for name, header in {
        "alg empty": {"alg": "", "kid": "ed"},
        "alg missing": {"typ": "JWT", "kid": "ed"},
        "alg a number": {"alg": 7, "kid": "ed"},
        "alg a list": {"alg": ["EdDSA"], "kid": "ed"},
        "alg in lower case": {"alg": "eddsa", "kid": "ed"},
        "alg ES256K": {"alg": "ES256K", "kid": "es"},
    }.items():
        yield f"E1 {name}", "format", "unsupported_algorithm", by_hand(header, claims())

    # A public key taken for a secret: in each of the forms it is published in.
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    public = rsa_key.public_key()
    forms = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": json.dumps(make.jwk(rsa_key, "rs", "RS256", use="sig")).encode(),
        "modulus": public.public_numbers().n.to_bytes(256, "big"),
    }
    for form, secret in forms.items():
        yield (f"E1 HS256 keyed with the RSA public key ({form})", "key", "algorithm_not_allowed",
               hmac_signed(make, {"alg": "HS256", "kid": "rs"}, secret))
    yield ("E1 HS256 keyed with the Ed25519 public key", "key", "algorithm_not_allowed",
           hmac_signed(make, {"alg": "HS256", "kid": "ed"}, ed.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)))
    yield ("E1 HS256 without kid", "key", "no_matching_key",
           hmac_signed(make, {"alg": "HS256"}, forms["PEM"]))
    yield "E1 PS256 on an RS256 key", "key", "algorithm_not_allowed", token(rsa_key, "PS256", "rs")
    yield "E1 RS512 on an RS256 key", "key", "algorithm_not_allowed", token(rsa_key, "RS512", "rs")

    es_header = {"alg": "ES256", "kid": "es"}
    text = by_hand(es_header, claims(), b"").rstrip(".")
    yield "E1 ES256 with r = s = 0", "signature", "bad_signature", by_hand(es_header, claims(), bytes(64))
    yield ("E1 ES256 signature in DER", "signature", "bad_signature",
           f"{text}.{make.base64url(make.sign(text, 'ES256'))}")
    good = token()
    header, payload, signature = good.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    s_plus_order = (int.from_bytes(raw[32:], "little") + ED25519_ORDER).to_bytes(32, "little")
    yield ("E1 EdDSA with S not reduced", "signature", "bad_signature",
           f"{header}.{payload}.{make.base64url(raw[:32] + s_plus_order)}")
    small_order = (1).to_bytes(32, "little") + bytes(32)
    yield ("E1 EdDSA with R of small order and S = 0", "signature", "bad_signature",
           f"{header}.{payload}.{make.base64url(small_order)}")
    yield "E1 a key of somebody's own", "signature", "bad_signature", token(make.issuers.ed25519("mallory"))
    yield ("E1 the signature of another token", "signature", "bad_signature",
           f"{header}.{payload}.{token(sub=make.BOB).split('.')[2]}")
    yield "E1 one character changed", "signature", "bad_signature", make.tampered(good)

    for kind in ("logout+jwt", "dpop+jwt", "secevent+jwt", "JWE", "", 7):
        header = {"alg": "EdDSA", "kid": "ed", "typ": kind}
        yield f"E1 typ {kind!r}", "format", "unsupported_type", by_hand(header, claims())
    own_key = make.jwk(make.issuers.ed25519("mallory"), "ed", "EdDSA")
    for member, value in {
        "crit": ["exp"], "b64": False, "jwk": own_key, "jku": "https://evil.example.com/jwks",
        "x5u": "https://evil.example.com/cert", "x5c": ["MIIB"], "zip": "DEF",
    }.items():
        header = {"alg": "EdDSA", "typ": "JWT", "kid": "ed", member: value}
        yield f"E1 the header has {member}", "format", "forbidden_header", by_hand(header, claims())
    for kid in ("' OR 'a' = 'a", "../../etc/passwd", "ed\u0001", "ED", "other", "", "é" * 200):
        yield f"A11 kid {kid[:20]!r}", "key", "unknown_kid", token(kid=kid)
    yield ("A11 kid a number", "format", "malformed", by_hand({"alg": "EdDSA", "kid": 1}, claims()))
    yield ("A11 a key of another issuer", "key", "unknown_kid", token(make.issuers.ed25519("other"), kid="other"))


def serialisations(make):
    good = make.token()
    header, payload, signature = good.split(".")
    malformed = {
        "the empty text": "",
        "a word": "password",
        "one segment": header,
        "two segments": f"{header}.{payload}",
        "four segments": f"{good}.{signature}",
        "five segments, as a JWE has": f"{good}.AA.AA",
        "an empty signature": f"{header}.{payload}.",
        "an empty payload": f"{header}..{signature}",
        "dots alone": "..",
        "padding": f"{good}==",
        "a space before": f" {good}",
        "a newline after": f"{good}\n",
        "a space inside": f"{header}. {payload}.{signature}",
        "the scheme before it": f"Bearer {good}",
        "quotes around": f'"{good}"',
        "bits after the end": good[:-1] + bump(good[-1]),
        "the JSON serialisation": json.dumps({"protected": header, "payload": payload, "signature": signature}),
        "a NUL as text": f"{good}\\u0000",
    }
    for name, text in malformed.items():
        yield f"E2 {name}", "format", "malformed", text
    # A signature has one of the two characters nearly always; what is tested is that they are no aliases.
    for attempt in range(100):
        odd = make.token(jti=f"odd{attempt}")
        other_alphabet = odd.replace("-", "+").replace("_", "/")
        if other_alphabet != odd:
            yield "E2 the alphabet of plain base64", "format", "malformed", other_alphabet
            break
    yield "E2 17 KiB", "format", "too_large", make.token(filler="x" * 17_000)
    yield "E6 1 MiB", "format", "too_large", make.token(filler="x" * 2**20)
    deep = "[" * 5000 + "]" * 5000
    text = json.dumps(make.claims())[:-1] + f',"deep":{deep}}}'
    yield "E6 a JSON 5000 deep", "format", "malformed", make.by_hand({"alg": "EdDSA", "kid": "ed"}, text)


def times_and_types(make):
    now, token = make.now, make.token
    header = {"alg": "EdDSA", "typ": "JWT", "kid": "ed"}
    claims = json.dumps(make.claims())

    def with_claim(name, text):
        changed = {key: value for key, value in make.claims().items() if key != name}
        return make.by_hand(header, json.dumps(changed)[:-1] + f',"{name}":{text}}}')

    for name, payload in {
        "an array": "[]", "a text": '"sub"', "a number": "7", "null": "null", "two objects": claims + claims,
        "duplicate sub": claims[:-1] + f',"sub":"{make.BOB}"}}',
        "duplicate exp": claims[:-1] + f',"exp":{now + 60}}}',
        "duplicate by an escape": claims[:-1] + f',"s\\u0075b":"{make.BOB}"}}',
        "a comment": claims + "// x", "a trailing comma": claims[:-1] + ",}",
        "not UTF-8": None,
    }.items():
        if payload is None:
            text = make.base64url(json.dumps(header)) + "." + make.base64url(claims.encode()[:-1] + b',"x":"\xff"}')
            yield f"E3 payload {name}", "format", "malformed", f"{text}.{make.base64url(make.sign(text))}"
        else:
            yield f"E3 payload {name}", "format", "malformed", make.by_hand(header, payload)
    for text in ("NaN", "Infinity", "0x7f", "+1"):
        yield f"E3 exp {text}", "format", "malformed", with_claim("exp", text)
    for text in ("1e400", "-1", '"75z"', f'"{now + 600}"', str(2**63), "null", "[1]", "{}", "true"):
        # What no reader of JSON can hold is malformed; what it can hold is no date.
        yield f"E3 exp {text[:20]}", "claims", "invalid_claim", with_claim("exp", text)
    for name in ("exp", "iat"):
        yield f"E3 no {name}", "claims", "missing_claim", token(**{name: make.ABSENT})
    yield "E3 expired", "expiry", "expired", token(iat=now - 1200, exp=now - 600)
    yield "E3 expired one second beyond the leeway", "expiry", "expired", token(iat=now - 600, exp=now - 31)
    yield "E3 nbf after exp", "claims", "contradictory_times", token(nbf=now + 601)
    yield "E3 iat after exp", "claims", "contradictory_times", token(iat=now + 601)
    yield "E3 nbf in the future", "not_before", "not_yet_valid", token(nbf=now + 300)
    yield "E3 iat in the future", "issued_at", "issued_in_future", token(iat=now + 300)
    yield "E3 jti a number", "claims", "invalid_claim", token(jti=7)
    yield "E3 scope a number", "claims", "invalid_claim", token(scope=7)
    yield "E3 act not an object", "claims", "invalid_claim", token(act=make.BOB)
    yield "E3 act without sub", "claims", "missing_claim", token(act={})
    yield "E3 act seventeen deep", "claims", "invalid_claim", token(act=actors(17, make.BOB))
    yield "E3 act an unknown user", "user", "unknown actor", token(act={"sub": "99999999-0000-4000-8000-000000000009"})


def names(make):
    token, absent = make.token, make.ABSENT
    yield "E4 aud of another application", "audience", "wrong_audience", token(aud="web")
    yield "E4 aud in upper case", "audience", "wrong_audience", token(aud="API")
    yield "E4 aud a list without ours", "audience", "wrong_audience", token(aud=["web", "api2"])
    yield "E4 aud missing", "audience", "wrong_audience", token(aud=absent)
    yield "E4 aud the empty text", "audience", "wrong_audience", token(aud="")
    for name, value in {"an empty list": [], "null": None, "a number": 7, "an object": {"api": 1},
                        "a list with a number": ["api", 7]}.items():
        yield f"E4 aud {name}", "claims", "invalid_claim", token(aud=value)
    for name, value in {"with a slash more": make.ISSUER + "/", "in upper case": make.ISSUER.upper(),
                        "with a port": make.ISSUER + ":443", "with a space": make.ISSUER + " ", "empty": "",
                        "unknown": "https://evil.example.com", "a number": 7, "null": None,
                        "missing": absent, "a list": [make.ISSUER], "with a control character": make.ISSUER + "\u0001",
                        "quoted SQL": "' OR true --"}.items():
        yield f"E4 iss {name}", "trusted_issuer", "unknown_issuer", token(iss=value)
    yield "E4 sub missing", "claims", "missing_claim", token(sub=absent)
    for name, value in {"a number": 7, "null": None, "a list": [make.ALICE], "empty": "",
                        "with a control character after it": make.ALICE + "\u0001", "over-long": "a" * 256}.items():
        yield f"E4 sub {name}", "claims", "invalid_claim", token(sub=value)
    yield "E4 sub a NUL", "format", "malformed", token(sub="\u0000")
    yield "E4 sub with a NUL after it", "format", "malformed", token(sub=make.ALICE + "\u0000")
    yield "A11 kid with a NUL", "format", "malformed", token(kid="ed\u0000")
    for name, value in {
        "a space": " ", "spaces around": f" {make.ALICE} ", "in upper case": make.ALICE.upper(),
        "without dashes": make.ALICE.replace("-", ""), "in braces": "{" + make.ALICE + "}",
        "as a URN": f"urn:uuid:{make.ALICE}", "a homoglyph": make.ALICE.replace("a", "а"), "zero": "0",
        "the nil UUID": "00000000-0000-0000-0000-000000000000", "a name": "alice", "a wildcard": "%",
        "nobody's": "99999999-0000-4000-8000-000000000009", "quoted SQL": "' OR true --",
    }.items():
        yield f"E4 sub {name}", "user", "unknown user", token(sub=value)


def actors(depth: int, subject: str) -> dict:
    chain = {"sub": subject}
    for _ in range(depth - 1):
        chain = {"sub": subject, "act": chain}
    return chain


def hmac_signed(make, header: dict, secret: bytes) -> str:
    """By hand: PyJWT will not use a public key as a secret."""
    import hashlib
    import hmac
    text = make.by_hand(header, make.claims(), b"").rstrip(".")
    return f"{text}.{make.base64url(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def bump(last: str) -> str:
    """The next character of the alphabet: of 64 bytes in 86 characters, the last carries four bits that must be zero."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(last) + 1]
