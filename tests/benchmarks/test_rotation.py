"""What is made of the rounds of echo servers: ratios, targets, and the work as the command line names it.

Rule: made-up figures where only arithmetic is tested; real servers where the order of their work is.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import rotation, tcp_echo, udp_echo
from benchmarks.rotation import Comparison, Echoes, Rounds
from tests.needs import need_tool


def rounds(**cpu_us: list[float]) -> Rounds:
    return {name.replace("_", " "): [{"cpu_us": each, "lost": 1} for each in cpu] for name, cpu in cpu_us.items()}


@pytest.mark.parametrize("work", [Echoes(50, 64), Echoes(50, 8192, before=64)])
def test_work_is_read_as_it_is_written(work: Echoes) -> None:
    assert Echoes.read(str(work)) == work


def test_a_title_says_what_came_before() -> None:
    assert udp_echo.COMPARISON.title(Echoes(50, 8192)) == "50 senders x 8 kB"
    assert udp_echo.COMPARISON.title(Echoes(50, 8192, before=64)) == "50 senders x 8 kB after 64 B"


def test_the_better_of_nodes_servers_is_the_peer() -> None:
    measured = rounds(labkit=[2.0, 2.0], node_pipe=[9.0, 9.0], node_data=[5.0, 6.0], C=[1.0, 2.0])
    target = rotation.judge(tcp_echo.COMPARISON, measured, Echoes(50, 65536), 2)[0]
    assert target.value == 2.75
    assert target.verdict == "met"
    assert target.note == "rounds 2.50-3.00; the C server reaches 4.00"


@pytest.mark.parametrize(("size", "verdict"), [(1024, "met"), (8192, "MISSED")])
def test_eight_kilobytes_promise_more_beside_the_c_server(size: int, verdict: str) -> None:
    measured = rounds(labkit=[1.0, 1.0], node=[1.5, 1.5], C=[0.6, 0.7])
    target = rotation.judge(udp_echo.COMPARISON, measured, Echoes(50, size), 2)[-1]
    assert (target.name.split(": ")[1], round(target.value or 0, 3)) == ("CPU of the C server / ours", 0.65)
    assert target.verdict == verdict


@pytest.mark.parametrize("size", [64, 8192])
def test_node_is_beaten_by_as_much_at_every_size(size: int) -> None:
    measured = rounds(labkit=[1.0], node=[1.25], C=[1.0])
    assert rotation.judge(udp_echo.COMPARISON, measured, Echoes(50, size), 1)[0].verdict == "met"


def test_a_round_that_is_missing_is_not_judged() -> None:
    measured = rounds(labkit=[1.0, 1.0], node=[9.0], asyncio=[9.0, 9.0])
    targets = rotation.judge(udp_echo.COMPARISON, measured, Echoes(50, 64), 2)
    assert [target.verdict for target in targets] == ["NOT MEASURED", "met", "NOT MEASURED"]  # C did not run at all


@pytest.mark.parametrize("comparison", [tcp_echo.COMPARISON, udp_echo.COMPARISON])
def test_every_promise_names_a_peer(comparison: Comparison[Echoes]) -> None:
    for work in comparison.work:
        assert set(comparison.limits(work)) <= set(comparison.peers)


def test_what_comes_before_comes_once_to_each_server(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[tuple[int, int]] = []

    def load(port: int, _pid: int, _core: int, work: Any, **_: Any) -> dict[str, Any]:
        loads.append((port, work[work.index("--size") + 1]))
        return {}

    class Standing:
        pid = 0

        def __init__(self, port: int) -> None:
            self.port = port

    monkeypatch.setattr(rotation, "load", load)
    servers: Mapping[str, Any] = {"labkit": Standing(1), "node": Standing(2)}
    options = argparse.Namespace(rounds=2, seconds=0, warmup=0)
    rotation.measure(servers, Echoes(50, 8192, before=64), options, 0, "udp_client")
    assert loads == [(1, 64), (1, 8192), (2, 64), (2, 8192), (2, 8192), (1, 8192)]


def test_each_kind_of_work_gets_servers_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    need_tool("gcc")
    started = []

    def command(name: str, work: Echoes) -> list[str]:
        started.append(name)
        return udp_echo.command("C", work)

    comparison = replace(udp_echo.COMPARISON, servers=("labkit",), command=command, limits=lambda _: {})
    figures = rotation.compare(comparison, ["--quick", "--rounds", "1", "--work", "5x64,5x1024after64"])
    assert started == ["labkit", "labkit"]
    assert list(figures["rounds"]) == ["5x64", "5x1024after64"]
    assert "5 senders x 1 kB after 64 B" in capsys.readouterr().out
