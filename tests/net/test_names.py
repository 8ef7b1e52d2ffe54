"""What a student sees behind a dot: Node's names in snake_case and a few of labkit's own, none of asyncio's.

Rule: Node says which names it has; labkit's own are listed here, with their reason.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess

from labkit import dgram, net
from tests.needs import need_tool

OWN = {
    "EVENTS": "the events that are emitted", "STATES": "those that a wait returns again",
    "endpoint": "who this is on the wire", "history": "what was emitted", "wait_for": "for cells",
    "leave": "the host of a wire goes", "read": "for cells: waits for bytes", "set_encoding": "Node's, inherited",
    "high_water_mark": "Node's writableHighWaterMark, readable and settable", "server": "who accepted it",
    "closed": "Node's, inherited", "errored": "Node's, inherited", "kind": "udp4 or udp6", "port": "address()[1]",
    "dropped": "datagrams given up",
}  # fmt: skip

ASK = """
const names = new Set();
for (let each = process.argv[1] === 'net' ? new (require('net').Socket)() : require('dgram').createSocket('udp4'); each; each = Object.getPrototypeOf(each))
  for (const name of Object.getOwnPropertyNames(each)) names.add(name);
console.log(JSON.stringify([...names]));
process.exit(0);
"""  # noqa: E501


def names_in_node(module: str) -> set[str]:
    """The names of a socket in Node, in snake_case."""
    done = subprocess.run(
        [need_tool("node"), "-e", ASK, module], capture_output=True, text=True, timeout=30, check=True
    )
    names: list[str] = json.loads(done.stdout)
    return {re.sub(r"(?<=[a-z0-9])([A-Z]+)", lambda found: "_" + found[1].lower(), name) for name in names}


def public(source: object) -> set[str]:
    return {name for name in dir(source) if not name.startswith("_")}


def test_a_tcp_socket_shows_nodes_names_and_its_own() -> None:
    renamed = {"timeout"}  # Node has it once it is set
    assert public(net.Socket()) - names_in_node("net") - OWN.keys() - renamed == set()


def test_a_udp_socket_shows_nodes_names_and_its_own() -> None:
    socket = dgram.create_socket()
    assert public(socket) - names_in_node("dgram") - OWN.keys() == set()
    socket.close()


def test_none_of_asyncios() -> None:
    protocols = {*dir(asyncio.Protocol), *dir(asyncio.DatagramProtocol)}
    for source in (net.Socket(), net.Server(), dgram.Socket("udp4")):
        assert not public(source) & {name for name in protocols if not name.startswith("_")}
