"""Which addresses a data source may lead to. Pure."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

_NEVER: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # this host
        "169.254.0.0/16",  # link-local: the metadata of AWS, Google, Azure; a container's credentials
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "100.100.100.200/32",  # Alibaba's metadata
        "168.63.129.16/32",  # Azure's wire server, on a public address
        "192.0.0.0/24",  # Oracle's metadata
        "::/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "fd00:ec2::/32",  # AWS's metadata, time and credentials over IPv6
        "fd20:ce::/32",  # Google's metadata
    )
)
_NAT64 = ip_network("64:ff9b::/96")


def may_be_contacted(address: str, *, private: bool) -> bool:
    """Whether a request may go to this IP address, private ones (loopback, too) only if `private`.

    Where an IPv6 address stands for an IPv4 one, both must be allowed. What is no address may not.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return all(_allowed(each, private=private) for each in (found, *_within(found)))


def _allowed(address: Address, *, private: bool) -> bool:
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    return address.is_global or _is_wrapper(address) or private


def _is_wrapper(address: Address) -> bool:
    return address.version == 6 and (address.ipv4_mapped is not None or address in _NAT64)


def _within(address: Address) -> list[IPv4Address]:
    """The IPv4 addresses that routers or the kernel may take out of an IPv6 one."""
    if address.version == 4:
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    low = int(address) & 0xFFFFFFFF
    if address in _NAT64 or (int(address) >> 32 == 0 and low > 1):  # "::a.b.c.d" is an obsolete way
        found.append(IPv4Address(low))
    return [each for each in found if each is not None]
