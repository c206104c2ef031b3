"""Masks a text or a pod, without the hashes that differ in each run."""

from __future__ import annotations

import json
import re
from itertools import pairwise

from debugcapture.model import Json
from debugcapture.redaction.pods import masked_pod as masked_pod_with_hashes
from debugcapture.redaction.redactor import (
    Redaction,
    without_hashes,
)
from debugcapture.redaction.redactor import masked_text as masked_text_with_hashes

SECRET = b"hunter2hunter2hunter2hunter2hunter2"
KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n" + (SECRET + b"\n") * 40 + b"-----END RSA PRIVATE KEY-----"
JWT = b"eyJhbGciOiJIUzI1NiJ9." + SECRET + b".c2lnbmF0dXJl"
MASK = "[masked]"
M = MASK.encode()


def plain(text: bytes) -> bytes:
    return re.sub(rb"\[masked:[0-9a-f]{4}\]", M, text)


def masked_text(text: str) -> str:
    return without_hashes(masked_text_with_hashes(text))


def masked_pod(document: Json) -> Json:
    masked: Json = json.loads(without_hashes(json.dumps(masked_pod_with_hashes(document))))
    return masked


def redacted(text: bytes, own: Redaction | None = None, cuts: tuple[int, ...] = ()) -> tuple[bytes, int]:
    redactor = (own or Redaction()).redactor()
    places = sorted({0, len(text), *(cut for cut in cuts if cut <= len(text))})
    pieces = [redactor.feed(memoryview(text)[begin:end]) for begin, end in pairwise(places)]
    return plain(b"".join([*pieces, redactor.finish()])), redactor.count


CREDENTIALS = {
    "assigned": (b"db.password=hunter2 next", b"db.password=%s next"),
    "JSON": (b'{"token" : "hunter2", "user": "bob"}', b'{"token" : "%s", "user": "bob"}'),
    "escaped quote": (rb'{"password":"a\"hunter2","n":1}', b'{"password":"%s","n":1}'),
    "JSON in JSON": (rb'"{\"client_secret\":\"hunter2\"}"', rb'"{\"client_secret\":\"%s\"}"'),
    "quote not closed": (b'password="hunter2 hunter2\nnext', b'password="%s\nnext'),
    "YAML": (b"dbPassword: hunter2\nport: 80", b"dbPassword: %s\nport: 80"),
    "environment of a process": (b"A=1\0DB_PASS=hunter2\0B=2", b"A=1\0DB_PASS=%s\0B=2"),
    "flag": (b"run --api-key hunter2 -v", b"run --api-key %s -v"),
    "flag in a list": (b"['--password', 'hunter2']", b"['--password', '%s']"),
    "basic": (b"Authorization: Basic aHVudGVyMg==\r\nHost: x", b"Authorization: Basic %s\r\nHost: x"),
    "bearer in a map": (b"{Authorization=[Bearer hunter2hunter2], A=1}", b"{Authorization=[Bearer %s], A=1}"),
    "signed request": (b"authorization: AWS4-HMAC-SHA256 Credential=a/b, Signature=c\nx", b"authorization: %s\nx"),
    "cookie": (b"Cookie: a=hunter2; b=hunter2\nx", b"Cookie: %s\nx"),
    "connection string": (b"AccountName=a;AccountKey=hunter2==;", b"AccountName=a;AccountKey=%s"),
    "user and password": (b"jdbc:postgresql://app:hunter2@db:5432/x", b"jdbc:postgresql://%s@db:5432/x"),
    "SAS": (b"https://a/b?sv=1&sig=hunter2hunter2%3D&se=2", b"https://a/b?sv=1&sig=%s&se=2"),
    "presigned": (b"?X-Amz-Signature=" + b"0a" * 32 + b"&x=1", b"?X-Amz-Signature=%s&x=1"),
    "JWT": (b"got " + JWT + b" from x", b"got %s from x"),
    "AWS": (b"id AKIAIOSFODNN7EXAMPLE ok", b"id %s ok"),
    "GitHub": (b"push ghp_" + b"a1" * 18, b"push %s"),
    "private key": (b"before\n" + KEY + b"\nafter", b"before\n%s\nafter"),
    "private key in JSON": (
        KEY.replace(b"\n", rb"\n").join([b'{"private_key": "', b'"}']),
        b'{"private_key": "%s"}',
    ),
    "private key without an end": (KEY[:300] + b"\nServer started on port 80\n", b"%s\nServer started on port 80\n"),
}
