"""`publish`: a port of a notebook's private network, reached from outside it.

Rule: the visitor is always this process, in the machine's own network; the server always in a kernel.
"""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Callable, Iterator

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from labkit import net
from labkit.core.errors import LabError
from labkit.lab import publish
from tests.lab.kernels import WAIT, ask, listening_ports, managed
from tests.needs import need_private_network

SERVERS = """
import hashlib, socket, threading
import labkit
from labkit import lab, net

echo = net.create_server(lambda peer: peer.pipe(peer)).listen(8124)

def thread(function):
    threading.Thread(target=function, daemon=True).start()
"""


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    need_private_network()
    with managed() as (_, client):
        ask(client, SERVERS)
        yield client


@pytest.fixture
def port(kernel: BlockingKernelClient) -> int:
    """The echo server's port outside."""
    return int(ask(kernel, "published = lab.publish(8124, outside=0); print(published.port)"))


def visit(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), WAIT)


def read_all(visitor: socket.socket) -> bytes:
    said = b""
    while data := visitor.recv(65536):
        said += data
    return said


def test_bytes_go_both_ways_and_half_close_is_kept(kernel: BlockingKernelClient, port: int) -> None:
    with visit(port) as visitor:
        visitor.sendall(b"ni hao")
        assert visitor.recv(100) == b"ni hao"
        visitor.sendall(b", and bye")
        visitor.shutdown(socket.SHUT_WR)
        assert read_all(visitor) == b", and bye"  # came after our half was closed


def test_it_says_where(kernel: BlockingKernelClient, port: int) -> None:
    assert ask(kernel, "published") == f"port 8124 of this notebook's network, reachable by TCP at 127.0.0.1:{port}"
    assert port in listening_ports()


def test_of_a_udp_socket_it_says_that_nobody_reaches_it(kernel: BlockingKernelClient) -> None:
    ask(kernel, "from labkit import dgram; clock = dgram.create_socket('udp4').bind(41235)")
    said = ask(kernel, "lab.publish(41235, outside=0)")
    assert "But port 41235 is that of a UDP socket, and publish passes on TCP alone: nobody outside reaches it." in said
    assert "labkit shell" in said


def test_of_a_port_with_both_it_says_which_one_is_reached(kernel: BlockingKernelClient) -> None:
    ask(kernel, "from labkit import servers; names = servers.dns.create().listen(5300)")
    said = ask(kernel, "lab.publish(5300, outside=0)")
    assert "reachable by TCP at 127.0.0.1:" in said
    assert said.endswith(". The UDP socket on this port is not reachable: publish passes on TCP alone")


def test_the_same_port_is_the_default(kernel: BlockingKernelClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    ask(kernel, f"other = net.create_server(lambda peer: peer.end('other')).listen({number}); lab.publish({number})")
    with visit(number) as visitor:
        assert read_all(visitor) == b"other"


def test_publishing_again_replaces(kernel: BlockingKernelClient, port: int) -> None:
    with visit(port) as visitor:
        visitor.sendall(b"x")
        assert visitor.recv(1) == b"x"
        again = int(ask(kernel, f"earlier = published; published = lab.publish(8124, {port}); print(published.port)"))
        assert again == port
        with pytest.raises(ConnectionResetError):
            visitor.recv(1)
    assert ask(kernel, "earlier").endswith(f"no longer published at 127.0.0.1:{port}")
    with visit(port) as visitor:
        visitor.sendall(b"y")
        assert visitor.recv(1) == b"y"


def test_close_frees_the_port(kernel: BlockingKernelClient, port: int) -> None:
    ask(kernel, "published.close(); published.close()")
    with pytest.raises(ConnectionRefusedError):
        visit(port)
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_as_a_context(kernel: BlockingKernelClient) -> None:
    number = int(ask(kernel, "with lab.publish(8124, outside=0) as held:\n    print(held.port)"))
    assert number not in listening_ports()


def test_a_taken_port_is_said(kernel: BlockingKernelClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        said = ask(kernel, f"lab.publish(8124, {number})", fails=True)
    assert said.startswith(f"PortInUse: 127.0.0.1:{number} is taken by another program outside this notebook's network")
    assert "labkit.lab.publish(8124, outside=0)" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "0", "10.0.0.1", "::", "::ffff:10.0.0.1", "example", "*", ""])
def test_only_on_loopback(host: str) -> None:
    with pytest.raises(LabError, match="loopback"):
        publish(8124, host=host)


@pytest.mark.parametrize(("port", "outside"), [(0, None), (65536, None), ("8124", None), (True, None), (8124, -1)])
def test_not_a_port(port: int, outside: int | None) -> None:
    with pytest.raises(LabError, match="is not a port to publish"):
        publish(port, outside)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: publish(), r"labkit\.lab\.publish\(\): missing a required argument: 'port'"),
        (lambda: publish(8124, outsid=0), "Did you mean 'outside'"),
        (lambda: publish(8124, 0, "127.0.0.1", 5), "more arguments without a name than it takes"),
        (lambda: publish(8124, "127.0.0.1"), "'127.0.0.1' is not a port to publish at"),
        (lambda: publish(8124, host=b"\x7f\0\0\1"), "is not an address"),
        (lambda: publish(8124, host=5), "5 is not an address"),
        (lambda: publish(None), "None is not a port to publish"),
    ],
)
def test_wrong_arguments_are_told_in_words(call: Callable[[], object], words: str) -> None:
    with pytest.raises(LabError, match=words):
        call()


@pytest.mark.parametrize(
    ("host", "reached"), [("127.0.0.2", "127.0.0.2"), ("127.2", "127.0.0.2"), ("::ffff:127.0.0.2", "127.0.0.2")]
)
def test_another_loopback_address(kernel: BlockingKernelClient, host: str, reached: str) -> None:
    number = int(ask(kernel, f"lab.publish(8124, outside=0, host={host!r}).port"))
    with socket.create_connection((reached, number), WAIT) as visitor:
        visitor.sendall(b"z")
        assert visitor.recv(1) == b"z"
    with pytest.raises(ConnectionRefusedError):
        visit(number)


def test_nobody_listens_inside(kernel: BlockingKernelClient) -> None:
    number = int(ask(kernel, "lab.publish(4999, outside=0).port"))
    # The reset may come before connect() has returned.
    with pytest.raises(ConnectionResetError), visit(number) as visitor:
        visitor.recv(1)


def test_a_reset_inside_is_one_outside(kernel: BlockingKernelClient) -> None:
    ask(kernel, """
def slam():
    with socket.create_server(("127.0.0.1", 5001)) as server:
        ready.set()
        peer, _ = server.accept()
        peer.recv(1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, __import__("struct").pack("ii", 1, 0))
        peer.close()
ready = threading.Event()
thread(slam)
ready.wait(60)
""")
    number = int(ask(kernel, "lab.publish(5001, outside=0).port"))
    with visit(number) as visitor:
        visitor.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            visitor.recv(1)


def test_a_reset_outside_is_one_inside(kernel: BlockingKernelClient) -> None:
    ask(kernel, """
def listen():
    with socket.create_server(("127.0.0.1", 5002)) as server:
        ready.set()
        peer, _ = server.accept()
        with peer:
            try:
                peer.sendall(b"x")
                while peer.recv(1):
                    pass
                found.append("end")
            except OSError as error:
                found.append(type(error).__name__)
        done.set()
ready, done, found = threading.Event(), threading.Event(), []
thread(listen)
ready.wait(60)
""")
    number = int(ask(kernel, "lab.publish(5002, outside=0).port"))
    visitor = visit(number)
    assert visitor.recv(1) == b"x"
    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visitor.close()
    assert ask(kernel, "done.wait(60); print(found)") == "['ConnectionResetError']\n"


def test_back_pressure_holds_the_sender_and_loses_nothing(kernel: BlockingKernelClient) -> None:
    """The visitor sends until nothing more is taken; what is in between stays bounded; then all of it arrives."""
    ask(kernel, """
def collect():
    with socket.create_server(("127.0.0.1", 5003)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        ready.set()
        peer, _ = server.accept()
        with peer:
            go.wait(60)
            digest, size = hashlib.sha256(), 0
            while data := peer.recv(65536):
                digest.update(data)
                size += len(data)
            found.append((size, digest.hexdigest()))
        done.set()
ready, go, done, found = threading.Event(), threading.Event(), threading.Event(), []
thread(collect)
ready.wait(60)
""")
    number = int(ask(kernel, "lab.publish(5003, outside=0).port"))
    digest, sent, block = hashlib.sha256(), 0, bytes(range(256)) * 256
    with visit(number) as visitor:
        visitor.settimeout(1.0)
        try:
            while sent < 1 << 28:
                count = visitor.send(block)
                digest.update(block[:count])
                sent += count
        except TimeoutError:
            pass
        assert sent < 1 << 26, "nothing held the sender back"
        ask(kernel, "go.set()")
        visitor.settimeout(WAIT)
        visitor.shutdown(socket.SHUT_WR)
        assert ask(kernel, "done.wait(60); print(*found[0])").split() == [str(sent), digest.hexdigest()]


def test_two_hundred_visitors_at_once(kernel: BlockingKernelClient, port: int) -> None:
    visitors = [visit(port) for _ in range(200)]
    try:
        for number, visitor in enumerate(visitors):
            visitor.sendall(b"%d" % number)
        for number, visitor in enumerate(visitors):
            assert visitor.recv(100) == b"%d" % number
    finally:
        for visitor in visitors:
            visitor.close()


def test_a_program_of_the_notebook_cannot(kernel: BlockingKernelClient) -> None:
    said = ask(kernel, "import sys\n!{sys.executable} -c 'from labkit import lab; lab.publish(8124)' 2>&1 | tail -1")
    assert "only the notebook itself can publish" in said


def test_without_a_network_of_its_own_another_port_leads_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABKIT_NETWORK", raising=False)
    with net.create_server(lambda peer: peer.pipe(peer)).listen(0) as server:
        for outside in (None, server.port):  # the same number would be the server's own
            with publish(server.port, outside) as published:
                assert published.port != server.port
                assert repr(published) == (
                    f"port {server.port} of this machine's network, reachable by TCP at 127.0.0.1:{published.port} as "
                    "well, where Jupyter's cookies are taken out"
                )
                with visit(published.port) as visitor:
                    visitor.sendall(b"ni hao")
                    assert visitor.recv(100) == b"ni hao"
            assert published.port not in listening_ports()


@pytest.mark.parametrize(
    ("host", "prefix", "proxied", "url"),
    [
        ("127.0.0.1", "", None, "http://127.0.0.1:{port}/a?b=1"),
        ("127.0.0.1", "", True, "/proxy/{port}/a?b=1"),
        ("127.0.0.1", "/user/ada/", None, "/user/ada/proxy/{port}/a?b=1"),
        ("127.0.0.1", "/user/ada/", False, "http://127.0.0.1:{port}/a?b=1"),
        ("::1", "", None, "http://[::1]:{port}/a?b=1"),
    ],
)
def test_where_a_page_is_shown(
    monkeypatch: pytest.MonkeyPatch, host: str, prefix: str, proxied: bool | None, url: str
) -> None:
    monkeypatch.delenv("LABKIT_NETWORK", raising=False)
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", prefix)
    with publish(8124, host=host) as published:
        page = published.show("/a?b=1", proxied=proxied)
        assert page.url == url.format(port=published.port)
        assert repr(page) == f"page {page.url}"
        assert f'src="{page.url}"' in page._repr_html_()
        assert '"><script' not in published.show('/"><script')._repr_html_()
        for path in ("", "a", None, 5):
            with pytest.raises(LabError, match="is not a path"):
                published.show(path)  # type: ignore[arg-type]


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n%bAccept: */*\r\n\r\n"


def test_the_cookies_of_jupyter_reach_neither_the_server_nor_the_capture(
    kernel: BlockingKernelClient, port: int
) -> None:
    ask(kernel, "capture = labkit.capture(8124)\ntape = capture.__enter__()")
    with visit(port) as visitor:
        visitor.sendall(REQUEST % b"Cookie: _xsrf=2|secret; own=1; username-127-0-0-1-8888=secret\r\n")
        seen = b""
        while not seen.endswith(b"\r\n\r\n"):
            seen += visitor.recv(1000)
    assert seen == REQUEST % b"Cookie: own=1\r\n"
    said = ask(kernel, "capture.__exit__(None, None, None)\nprint(len(tape), *(bytes(packet) for packet in tape))")
    assert int(said.split()[0]) > 5
    assert "own=1" in said
    assert "secret" not in said


def test_it_ends_with_the_kernel() -> None:
    need_private_network()
    with managed() as (manager, client):
        number = int(ask(client, "import labkit; print(labkit.lab.publish(8124, outside=0).port)"))
        assert number in listening_ports()
        manager.shutdown_kernel()
        assert number not in listening_ports()
