"""Which addresses a notice may be sent to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# Networks whose addresses carry an IPv4 address that the packet ends up at, or may be translated to one.
NAT64 = IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")


def refusal(text: str) -> str:
    """Why notices may not go to `text`; "" for a public unicast address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return "not an address"
    if isinstance(address, IPv6Address):
        return refusal_of_v6(address)
    return kind_of(address)


def refusal_of_v6(address: IPv6Address) -> str:
    if address in LOCAL_NAT64 or address.is_site_local:
        return "private"
    return kind_of(carried_address(address) or address)


def carried_address(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(address.packed[12:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def kind_of(address: IPv4Address | IPv6Address) -> str:
    kinds = {
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "unspecified": address.is_unspecified,
        "private": address.is_private,
        "reserved": address.is_reserved,
        "not public": not address.is_global,
    }
    return next((kind for kind, applies in kinds.items() if applies), "")
