"""Addresses that need more than themselves: link-local ones their interface, broadcast ones a permission.

Rule: link-local traffic runs on an interface without a wire, in a network of its own.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from labkit import dgram
from labkit.core.errors import PermissionDenied
from tests.needs import need_private_network, need_tool

LINK_LOCAL = """
import subprocess
from labkit.lab import namespaces
namespaces.enter_private_network()
ip = IP
for words in (
    "link add d0 type veth peer name d1", "link set d1 up", "link set d0 up", "addr add fe80::5/64 dev d0 nodad",
):
    subprocess.run([ip, *words.split()], check=True)
from labkit import dgram
server = dgram.create_socket("udp6").bind(0, "fe80::5%d0", expose=True)
server.on("message", lambda data, sender: server.send(data.upper(), sender.port, sender.address))
client = dgram.create_socket("udp6").send("hi", server.port, "fe80::5%d0")
data, sender = client.wait_for("message")
print(data, sender.address, client.address()[0], server.address()[0])
server.close(); client.close()
"""

EVERYWHERE = """
import subprocess
from labkit.lab import namespaces
namespaces.enter_private_network()
ip = IP
for words in (
    "link add d0 type veth peer name d1", "link set d1 up", "addr add 192.0.2.5/24 dev d0", "link set d0 up",
    "route add default dev d0",
):
    subprocess.run([ip, *words.split()], check=True)
from labkit import dgram
try:
    dgram.create_socket().send(b"x", 9, "255.255.255.255")
except Exception as error:
    print(error)
"""


def test_a_link_local_address_keeps_its_interface_both_ways() -> None:
    need_private_network()
    program = LINK_LOCAL.replace("IP", repr(need_tool("ip")), 1)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1:] == ["b'HI' fe80::5%d0 fe80::5%d0 fe80::5%d0"], done.stderr


def test_a_broadcast_that_is_not_allowed_says_what_allows_it() -> None:
    socket = dgram.create_socket()
    with pytest.raises(PermissionDenied, match=r"is a broadcast address.*set_broadcast\(\)"):
        socket.send(b"x", 9, "127.255.255.255")
    socket.close()


def test_a_broadcast_to_every_host_of_the_link_needs_it_too() -> None:
    need_private_network()
    program = EVERYWHERE.replace("IP", repr(need_tool("ip")), 1)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "255.255.255.255:9 is a broadcast address" in done.stdout, done.stderr
