"""proxy.py: $HTTPS_PROXY and $NO_PROXY mean what they mean for kubectl."""

from __future__ import annotations

import pytest

from debugcapture.errors import BadInput
from debugcapture.kube.proxy import Proxy, parse_proxy, proxy_of_environment

CLUSTER = "https://k.example.com:6443"


@pytest.mark.parametrize(
    ("server", "no_proxy"),
    [
        ("https://10.0.0.5:6443", "10.0.0.0/8,.svc,.cluster.local"),
        ("https://10.0.0.5:6443", "10.0.0.5"),
        ("https://10.0.0.5:6443", " 10.0.0.5:6443 "),
        ("https://10.96.0.1:443", "10.96.0.0/12"),
        ("https://127.0.0.1:6443", ""),
        ("https://localhost:6443", ""),
        ("https://[::1]:6443", ""),
        ("https://[fd00::7]:6443", "fd00::/8"),
        ("https://[fd00::7]:6443", "[fd00::7]:6443"),
        ("https://[fd00::7]:6443", "fd00::7"),
        (CLUSTER, "*"),
        (CLUSTER, "a,*.example.com"),
        (CLUSTER, ".example.com"),
        (CLUSTER, "example.com"),
        (CLUSTER, "K.EXAMPLE.COM"),
        (CLUSTER, "k.example.com:6443"),
        ("https://k.example.com.:6443", "example.com"),
        ("https://example.com", "example.com:443"),
    ],
)
def test_excluded(server: str, no_proxy: str) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert proxy_of_environment(server, {"HTTPS_PROXY": "http://p:3128", name: no_proxy}) is None


@pytest.mark.parametrize(
    ("server", "no_proxy"),
    [
        (CLUSTER, ""),
        (CLUSTER, "ample.com"),
        (CLUSTER, "k.example.com:443"),
        (CLUSTER, "10.0.0.0/8"),
        (CLUSTER, "10.0.0.5,other.example.com"),
        ("https://example.com:6443", ".example.com"),
        ("https://example.com:6443", "*.example.com"),
        ("https://11.0.0.5:6443", "10.0.0.0/8"),
        ("https://10.0.0.5:6443", "10.0.0.0/99"),
    ],
)
def test_not_excluded(server: str, no_proxy: str) -> None:
    proxy = proxy_of_environment(server, {"https_proxy": "http://p:3128", "NO_PROXY": no_proxy})
    assert proxy == Proxy("p", 3128)


def test_other_variables_do_not_count() -> None:
    assert proxy_of_environment(CLUSTER, {"HTTP_PROXY": "http://p:3128", "ALL_PROXY": "http://q:1"}) is None


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("proxy:3128", Proxy("proxy", 3128)),
        ("http://proxy", Proxy("proxy", 80)),
        ("http://[fd00::1]:3128/", Proxy("fd00::1", 3128)),
        ("http://ops:p%40ss%3A@proxy:3128", Proxy("proxy", 3128, "ops", "p@ss:")),
    ],
)
def test_urls(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url) == proxy


def test_the_login_is_a_header_and_not_part_of_the_url() -> None:
    proxy = Proxy("fd00::1", 3128, "ops", "hunter2")
    assert proxy.url == "http://[fd00::1]:3128"
    assert proxy.headers == {"proxy-authorization": "Basic b3BzOmh1bnRlcjI="}
    assert Proxy("proxy", 3128).headers == {}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("socks5://ops:hunter2@127.0.0.1:1080", "socks5:// proxies are not supported"),
        ("socks5h://127.0.0.1:1080", "socks5h:// proxies are not supported"),
        ("https://ops:hunter2@proxy:443", "https:// proxies are not supported"),
        ("http://ops:hunter2@", "its URL has no host"),
        ("http://ops:hunter2@proxy:port", "its URL is not valid"),
    ],
)
def test_what_is_not_supported_is_refused_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        parse_proxy(url)
    assert "hunter2" not in str(caught.value)
