"""log_line.py: what a line says, whatever wraps it."""

from __future__ import annotations

import json

import pytest

from debugcapture.findings.parsers.log_line import address_in, host_in, log_text, path_in, template, without_prefix


@pytest.mark.parametrize(
    ("line", "text", "level", "time"),
    [
        ("2026/01/02 10:00:00 ERROR none", "2026/01/02 10:00:00 ERROR none", "ERROR", "2026/01/02 10:00:00"),
        ("\x1b[31mWARN\x1b[0m slow", "WARN slow", "WARN", ""),
        ('{"level":"error","msg":"no order","error":"closed"}', "no order: closed", "ERROR", ""),
        ('{"level":50,"err":{"type":"TypeError","message":"x"},"msg":"none"}', "none: TypeError: x", "ERROR", ""),
        ('{"severity":"CRITICAL","message":"stop"}', "stop", "FATAL", ""),
        ('{"s":"F","msg":"stop","attr":{"error":{"errmsg":"bad"}}}', "stop: bad", "FATAL", ""),
        ('{"order": 7}', '{"order": 7}', "", ""),
        ("2026-01-02T10:00:00.5Z stderr F [error] no order", "[error] no order", "ERROR", "2026-01-02T10:00:00.5Z"),
        ("E0102 10:00:00.000000 1 main.go:7] none", "E0102 10:00:00.000000 1 main.go:7] none", "ERROR", ""),
        ('level=warn msg="slow"', 'level=warn msg="slow"', "WARN", ""),
        ("LOG:  checkpoint", "LOG:  checkpoint", "INFO", ""),
        ("Jan  2 10:00:00 node kernel: x", "Jan  2 10:00:00 node kernel: x", "", "Jan  2 10:00:00"),
    ],
)  # fmt: skip
def test_the_text_the_level_and_the_time_of_a_line(line: str, text: str, level: str, time: str) -> None:
    parsed = log_text(line.encode())
    assert (parsed.text, parsed.level, parsed.time) == (text, level, time)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("dial tcp 10.0.0.9:5432: connect: connection refused", "10.0.0.9:5432"),
        ("read tcp 10.0.0.1:40000->10.0.0.9:443: read", "10.0.0.9:443"),
        ("jdbc:postgresql://ledger:5432/orders failed", "ledger:5432"),
        ("amqp://user:secret@queue.shop:5672/ is down", "queue.shop:5672"),
        ("connect ECONNREFUSED 127.0.0.1:6379", "127.0.0.1:6379"),
        ("HTTPConnectionPool(host='ledger', port=80): Max retries", "ledger:80"),
        ('connection to server at "ledger" (10.0.0.9), port 5432 failed', "ledger:5432"),
        ("[Errno 111] Connect call failed ('127.0.0.1', 5432)", "127.0.0.1:5432"),
        ("Connect to ledger:8443 [ledger/10.0.0.9] failed", "ledger:8443"),
        ("listen tcp :8080: bind", "8080"),
        ("bind() to 0.0.0.0:80 failed", "0.0.0.0:80"),
        ("(tried: ledger:3333) - no connection", "ledger:3333"),
        ("at com.example.Ledger.open(Ledger.java:12)", ""),
        ("main.go:120] exit code:28 line:12", ""),
        ("took 12:30:45 to finish", ""),
        ("(Background on this error at: https://sqlalche.me/e/20/3o7r)", ""),
    ],
)
def test_the_address_in_a_line(text: str, address: str) -> None:
    assert address_in(text) == address


def test_the_name_of_a_server_is_not_an_ip_address() -> None:
    assert host_in("Could not connect to Redis at redis:6379: Name or service not known") == "redis"
    assert host_in("lookup on 10.96.0.10:53: server misbehaving") == ""


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('could not write "orders.lock": full', "orders.lock"),
        ("open /data/a.db: no space", "/data/a.db"),
        ("see https://example.com/docs", ""),
        ("nothing here", ""),
    ],
)
def test_the_path_in_a_line(text: str, path: str) -> None:
    assert path_in(text) == path


def test_lines_that_differ_in_numbers_and_ids_have_one_template() -> None:
    first = template("order 7 of 0xc000134930 failed for 6ba7b810-9dad-11d1-80b4-00c04fd430c8")
    assert first == template("order 81 of 0xc000999990 failed for 7ba7b811-9dad-11d1-80b4-00c04fd430c9")
    assert first != template("order 81 of 0xc000999990 ended for 7ba7b811-9dad-11d1-80b4-00c04fd430c9")


def test_a_title_has_no_time_level_or_program() -> None:
    assert without_prefix("2026-01-02 10:00:00 ERROR [main] no order") == "[main] no order"
    assert without_prefix("Jan  2 10:00:00 node ledger[7]: no order") == "no order"
    assert without_prefix("E0102 10:00:00.000000       1 main.go:7] no order") == "no order"
    assert without_prefix('time="2026-01-02T10:00:00Z" level=error msg="no order"') == 'no order"'
    assert without_prefix("no order") == "no order"


def test_deep_json_is_a_plain_line() -> None:
    deep = '{"msg":' + "[" * 100_000
    assert log_text(deep.encode()).text == deep[:2000]
    assert log_text(json.dumps({"msg": ["a"]}).encode()).text == '{"msg": ["a"]}'
