"""Where users may send this server, as far as it can be told from a URL or an address."""

import pytest

from app.lib.egress.errors import EgressRefused
from app.lib.egress.policy import Policy
from tests.urls import INSIDE, PUBLIC


@pytest.mark.parametrize("url", PUBLIC)
def test_public_https_may_be_called(url: str) -> None:
    Policy().check_url(url)


@pytest.mark.parametrize(
    "url",
    [url for url in INSIDE if ".example" not in url],
)
def test_what_leads_inside_by_its_looks_is_refused(url: str) -> None:
    with pytest.raises(EgressRefused) as caught:
        Policy().check_url(url)

    assert not url or url not in caught.value.detail


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::7f00:1",
        "100::1",
        "2001::1",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "2002:7f00:1::",
        "2606:4700::5efe:7f00:1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "no address",
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not Policy().admits("host.example", address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00::1"])
def test_a_public_address_is_admitted(address: str) -> None:
    assert Policy().admits("host.example", address)


def test_an_allowed_host_may_be_anywhere_and_speak_plainly() -> None:
    policy = Policy(["Ollama.House", "localhost", "192.168.7.7", "[fd00::7]"])

    for url in (
        "http://ollama.house:11434/v1",
        "https://OLLAMA.house",
        "http://localhost:22",
        "http://192.168.7.7/v1",
        "http://[fd00::7]:8080",
    ):
        policy.check_url(url)
    assert policy.admits("ollama.house", "10.0.0.7")
    assert policy.admits("localhost", "127.0.0.1")
    assert not policy.admits("other.house", "10.0.0.7")
    assert not policy.admits("not-ollama.house", "10.0.0.7")
    with pytest.raises(EgressRefused):
        policy.check_url("http://other.house")


def test_an_allowed_network_opens_its_addresses_to_every_name() -> None:
    policy = Policy(["10.0.0.0/8", "fd00::/8"])

    policy.check_url("https://llm.example/v1")
    policy.check_url("http://10.1.2.3:8000/v1")
    assert policy.admits("llm.example", "10.1.2.3")
    assert policy.admits("llm.example", "fd00::1")
    assert not policy.admits("llm.example", "192.168.0.1")
    assert not policy.admits("llm.example", "::ffff:10.1.2.3")
    with pytest.raises(EgressRefused):
        policy.check_url("http://llm.example/v1")


@pytest.mark.parametrize("url", ["ftp://ollama.house", "http://u:p@ollama.house", "http://ollama.house:0"])
def test_an_allowed_host_is_still_called_by_http_alone(url: str) -> None:
    with pytest.raises(EgressRefused):
        Policy(["ollama.house"]).check_url(url)


@pytest.mark.parametrize(
    "entry", ["http://x.example", "x.example:80", "10.0.0.1/8", "*", "a b", "", "0x7f000001", "127.1"]
)
def test_what_is_neither_host_nor_network_cannot_be_allowed(entry: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        Policy([entry])
