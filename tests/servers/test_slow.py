"""The slow server: its page at once, its pictures late, one timer each.

Rule: what is late is told by order, never by a clock.
"""

from __future__ import annotations

from labkit import net
from labkit.servers import slow


def ask(port: int, target: str) -> bytes:
    with net.connect(port) as client:
        client.write(f"GET {target} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        return client.read(100_000)


def test_the_page_names_its_pictures() -> None:
    with slow.create(pictures=3).listen(0) as server:
        page = ask(server.port, "/").decode()
    assert "Content-Type: text/html\r\n" in page
    assert [f'src="/{number}"' in page for number in range(4)] == [True, True, True, False]


def test_a_picture_comes_after_the_page_that_was_asked_for_later() -> None:
    with slow.create(0.05).listen(0) as server:
        port = server.port
        with net.connect(port) as waiting:
            waiting.write("GET /0 HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
            server.wait_for("request")
            ask(port, "/")
            assert [event.name for event in waiting.history if event.name == "data"] == []
            assert waiting.read(100_000).endswith(slow.PICTURE.encode())
