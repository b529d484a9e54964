"""Which addresses count as public."""

import pytest

from qbdispatch.torrents.connect import is_public


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_addresses_of_the_public_internet_are_public(address: str) -> None:
    """Also as IPv4 within IPv6: mapped, NAT64 (RFC 6052), 6to4 (RFC 3056)."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
     "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%1",
     "fc00::1", "ff02::1",
     "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:c0a8:101::1",
     "2001:db8::1", "2001:0:7f00:1::"],
)  # fmt: skip
def test_all_others_are_not(address: str) -> None:
    """Loopback, private, link-local with the clouds' metadata service, shared, multicast, reserved, by any spelling."""
    assert not is_public(address)
