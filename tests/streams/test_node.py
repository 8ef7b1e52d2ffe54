"""Node's stream module beside ours: the same scenario tells the same story, stream by stream.

Rule: one difference is allowed for: data in a row counts once, since labkit joins pieces that wait.

What differs on purpose, and so is in no scenario: bytes put back in a handler come after all the pieces that it was
given as one; `read` is labkit's own; the high-water mark (see `Writable.high_water_mark`); after the close labkit
counts no bytes as waiting.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.streams.memory import Node, Scenario, Story, ours

LISTEN = ["a", "listen"]
EOF = ["a", "eof"]


def push(text: str, who: str = "a") -> list[object]:
    return [who, "push", text]


def when(event: str, *operations: list[object], who: str = "a") -> list[object]:
    return [who, "when", event, list(operations)]


FACTS = [["a", "facts"], ["b", "facts"], ["c", "facts"]]
ONE = [[who, "facts"] for who in "a"]

SCENARIOS: dict[str, Scenario] = {
    # -- flowing, paused, idle
    "early_bytes": [[push("one"), push("two")], [["a", "facts"]], [LISTEN], [push("three"), EOF], [["a", "facts"]]],
    "idle_end": [[EOF], [["a", "facts"]], [LISTEN]],
    "idle_end_with_bytes": [[push("x"), EOF], [["a", "facts"]], [LISTEN]],
    "resume_without_a_listener": [[["a", "resume"]], [push("gone")], [LISTEN], [push("kept")]],
    "pause_then_listen": [[["a", "pause"]], [LISTEN], [push("x")], [["a", "facts"]], [["a", "resume"]]],
    "pause_in_a_handler_several_pieces": [
        [LISTEN, when("data", ["a", "pause"])], [push("one"), push("two"), push("three")], [["a", "facts"]],
        [["a", "resume"]], [EOF],
    ],
    "pause_in_a_handler_then_the_end": [
        [LISTEN, when("data", ["a", "pause"])], [push("one"), push("two"), EOF], [["a", "facts"]], [["a", "resume"]],
    ],
    "pause_holds_the_end": [[LISTEN], [["a", "pause"]], [EOF], [["a", "facts"]], [["a", "resume"]]],
    "pause_and_resume_at_once": [[LISTEN], [push("x")], [["a", "pause"], ["a", "resume"]], [push("y")]],
    "resume_then_push_in_one_go": [[push("a")], [LISTEN, push("b")], [push("c")]],
    "listener_taken_off": [[LISTEN], [push("x")], [["a", "unlisten"]], [["a", "facts"]], [push("lost")], [LISTEN],
                           [push("y")]],
    # -- unshift
    "unshift_in_a_handler": [[LISTEN, when("data", ["a", "unshift", "back"])], [push("one")], [push("two")], [EOF]],
    "unshift_in_a_handler_with_more_waiting": [
        [push("one")], [when("data", ["a", "pause"], ["a", "unshift", "back"]), LISTEN], [push("two"), push("three")],
        [["a", "resume"]], [EOF],
    ],
    "unshift_while_paused": [[LISTEN], [["a", "pause"]], [push("later")], [["a", "unshift", "first"]],
                             [["a", "resume"]]],
    "unshift_several_times": [[["a", "pause"], push("z")], [["a", "unshift", "y"], ["a", "unshift", "x"]], [LISTEN],
                              [["a", "resume"]]],
    "unshift_before_anybody_asks": [[["a", "unshift", "x"]], [LISTEN], [push("y")]],
    "unshift_holds_the_end": [[push("x"), EOF], [["a", "pause"], LISTEN], [["a", "unshift", "w"]], [["a", "resume"]]],
    "unshift_after_the_sources_end": [[EOF], [["a", "unshift", "x"]], [LISTEN]],
    "unshift_after_end": [[LISTEN], [EOF], [["a", "unshift", "x"]], [["a", "facts"]]],
    "unshift_in_the_end_handler": [[LISTEN, when("end", ["a", "unshift", "x"])], [EOF], [["a", "facts"]]],
    "unshift_nothing_after_end": [[LISTEN], [EOF], [["a", "unshift", ""]], [["a", "facts"]]],
    "unshift_after_destroy": [[LISTEN], [["a", "destroy"]], [["a", "facts"]]],
    "pause_unshift_resume_mixed": [
        [LISTEN, when("data", ["a", "pause"], ["a", "unshift", "1"], ["a", "resume"], ["a", "unshift", "2"])],
        [push("x"), push("y")], [push("z")], [EOF],
    ],
    # -- pipe
    "pipe": [[["a", "pipe", "b", True]], [push("x")], [push("y"), EOF], FACTS],
    "pipe_early_bytes": [[push("x"), EOF], [["a", "pipe", "b", True]], FACTS],
    "pipe_without_end": [[["a", "pipe", "b", False]], [push("x"), EOF], FACTS, [["b", "end", "y"]]],
    "pipe_after_end": [[LISTEN], [EOF], [["a", "pipe", "b", True]], FACTS],
    "pipe_starts_a_paused_stream": [[["a", "pause"], push("x")], [["a", "pipe", "b", True]], [["a", "facts"]]],
    "pipe_again_after_unpipe": [[["a", "pipe", "b", True]], [push("x")], [["a", "unpipe", "b"]], [push("y")],
                                [["a", "facts"]], [["a", "pipe", "c", True]], [EOF], FACTS],
    "two_pipes": [[["a", "pipe", "b", True], ["a", "pipe", "c", True]], [push("x")], [EOF], FACTS],
    "two_pipes_unpipe_one": [[["a", "pipe", "b", True], ["a", "pipe", "c", True]], [push("x")], [["a", "unpipe", "b"]],
                             [push("y")], [["a", "facts"]], [["a", "unpipe", "c"]], [push("z")], [["a", "facts"]]],
    "two_into_one": [[["a", "pipe", "c", False], ["b", "pipe", "c", True]], [push("x")], [push("y", "b")], [EOF],
                     [["b", "eof"]], FACTS],
    "piped_twice_into_the_same": [[["a", "pipe", "b", True], ["a", "pipe", "b", True]], [push("x")],
                                  [["a", "unpipe", "b"]], [push("y")], [["a", "facts"]]],
    "pipe_and_a_listener": [[["a", "pipe", "b", True], LISTEN], [push("x")], [["a", "unpipe", "b"]], [["a", "facts"]],
                            [push("y")]],
    "chain": [[["a", "pipe", "b", True], ["b", "pipe", "c", True]], [push("x"), push("y", "b")], [EOF], FACTS,
              [["b", "eof"]], FACTS],
    "destination_closes": [[["a", "pipe", "b", True]], [push("x")], [["b", "destroy"]], [["a", "facts"]], [push("y")],
                           [["a", "resume"], LISTEN], [push("z")]],
    "destination_errors": [[["a", "pipe", "b", True]], [push("x")], [["b", "destroy", "EBAD"]], [["a", "facts"]],
                           [push("y")], FACTS],
    "one_of_two_destinations_closes": [[["a", "pipe", "b", True], ["a", "pipe", "c", True]], [push("x")],
                                       [["b", "destroy"]], [["a", "facts"]], [push("y")]],
    "destination_finishes": [[["a", "pipe", "b", True]], [push("x")], [["b", "end"]], [["a", "facts"]], [push("y")],
                             FACTS],
    "destination_is_ended_and_written": [[["a", "pipe", "b", True]], [["b", "end"], push("late")], FACTS],
    "pipe_into_a_closed_one": [[["b", "destroy"]], [["a", "pipe", "b", True]], [push("x")], [["a", "facts"]]],
    "pushed_before_the_close_of_the_destination": [
        [["a", "pipe", "b", True]], [["b", "destroy"], push("x"), push("y")], [["a", "facts"]],
        [LISTEN], [["a", "resume"]],
    ],
    "source_destroyed": [[["a", "pipe", "b", True]], [push("x")], [["a", "destroy"]], FACTS],
    "source_destroyed_with_error": [[["a", "pipe", "b", True]], [push("x")], [["a", "destroy", "EBAD"]], FACTS],
    "echo": [[["a", "pipe", "a", True]], [push("x")], [EOF], [["a", "facts"]]],
    "pipe_text": [[["a", "encoding", "utf8"], ["a", "pipe", "b", True]], [push("\xc3")], [push("\xa9\xe2")], [EOF]],
    # -- pipe and back-pressure (the mark is 8 bytes)
    "full_destination_pauses": [[["b", "stick"], ["a", "pipe", "b", True]], [push("0123456789")], [["a", "facts"]],
                                [push("more")], [["b", "release"]], [["a", "facts"]], [EOF]],
    "two_full_destinations": [
        [["b", "stick"], ["c", "stick"], ["a", "pipe", "b", True], ["a", "pipe", "c", True]], [push("0123456789")],
        [["a", "facts"]], [["b", "release"]], [["a", "facts"]], [push("more")], [["c", "release"]], [["a", "facts"]],
    ],
    "unpipe_of_the_full_one": [
        [["b", "stick"], ["a", "pipe", "b", True], ["a", "pipe", "c", True]], [push("0123456789")], [["a", "facts"]],
        [["a", "unpipe", "b"]], [["a", "facts"]], [push("more")], [["b", "release"]], [["a", "facts"]],
    ],
    "unpipe_of_the_only_full_one": [
        [["b", "stick"], ["a", "pipe", "b", True]], [push("0123456789")], [["a", "unpipe", "b"]], [["a", "facts"]],
        [["b", "release"]], [["a", "facts"]], [push("kept")], [LISTEN, ["a", "resume"]],
    ],
    "full_one_closes": [
        [["b", "stick"], ["a", "pipe", "b", True], ["a", "pipe", "c", True]], [push("0123456789")],
        [["b", "destroy"]], [["a", "facts"]], [push("more")],
    ],
    "pipe_into_one_that_is_full": [
        [["b", "stick"], ["b", "write", "0123456789"]], [["a", "pipe", "b", True]], [push("x")], [["a", "facts"]],
        [["b", "release"]], [["a", "facts"]],
    ],
    # -- writing
    "cork": [[["a", "cork"], ["a", "write", "1"], ["a", "write", "2"]], ONE, [["a", "uncork"]], ONE],
    "cork_nested": [[["a", "cork"], ["a", "cork"], ["a", "write", "1"]], [["a", "uncork"]], [["a", "write", "2"]], ONE,
                    [["a", "uncork"]], ONE, [["a", "uncork"]], ONE],
    "end_while_corked": [[["a", "cork"], ["a", "cork"], ["a", "write", "1"]], [["a", "end", "2"]], ONE],
    "cork_above_the_mark": [[["a", "cork"], ["a", "write", "012345"], ["a", "write", "6789"]], ONE, [["a", "uncork"]],
                            ONE],
    "write_after_end": [[["a", "end", "x"]], [["a", "write", "y"]], ONE],
    "write_after_end_at_once": [[["a", "end", "x"], ["a", "write", "y"]], ONE],
    "end_twice": [[["a", "end", "x"]], [["a", "end"]], ONE],
    "end_with_data_twice": [[["a", "end", "x"]], [["a", "end", "y"]], ONE],
    "write_after_destroy": [[["a", "destroy"]], [["a", "write", "x"]], ONE, [["a", "end"]]],
    "write_and_destroy": [[["a", "write", "x"], ["a", "destroy"]], ONE],
    "destroy_with_error": [[["a", "destroy", "EBAD"]], [["a", "destroy", "EWORSE"]], ONE],
    "destroy_in_a_handler": [[LISTEN, when("data", ["a", "destroy"])], [push("x"), push("y"), EOF], ONE],
    "destroy_in_the_end_handler": [[LISTEN, when("end", ["a", "destroy"])], [EOF], ONE],
    "destroy_in_the_finish_handler": [[when("finish", ["a", "destroy", "EBAD"])], [["a", "end"]], ONE],
    "destroy_in_the_error_handler": [[when("error", ["a", "destroy"])], [["a", "destroy", "EBAD"]], ONE],
    "destroy_with_bytes_waiting": [[push("x")], [["a", "destroy"]], [LISTEN], ONE],
    "end_and_destroy": [[["a", "end", "x"], ["a", "destroy"]], ONE],
    "both_sides_end": [[LISTEN], [EOF], ONE, [["a", "end"]], ONE],
    "finish_first": [[LISTEN], [["a", "end", "x"]], ONE, [push("y"), EOF], ONE],
    "end_in_the_end_handler": [[LISTEN, when("end", ["a", "end", "bye"])], [push("x"), EOF], ONE],
    "drain": [[["a", "stick"], ["a", "write", "0123456789"]], ONE, [["a", "release"]], ONE],
    "drain_then_end": [[["a", "stick"], when("drain", ["a", "end", "x"]), ["a", "write", "0123456789"]],
                       [["a", "release"]], ONE],
    "end_while_full": [[["a", "stick"], ["a", "write", "0123456789"]], [["a", "end"]], ONE, [["a", "release"]], ONE],
    "destroy_while_full": [[["a", "stick"], ["a", "write", "0123456789"]], [["a", "destroy"]],
                           [["a", "release"]], ONE],
    "write_in_the_drain_handler": [
        [["a", "stick"], when("drain", ["a", "write", "more"]), ["a", "write", "0123456789"]], [["a", "release"]], ONE,
    ],
    # -- set_encoding
    "characters_cut_anywhere": [
        [["a", "encoding", "utf8"], LISTEN], *[[push(each)] for each in "\xe6\x82\xa8x\xf0\x9f"],
        [push("\x98\x80"), EOF],
    ],
    "half_a_character_at_the_end": [[["a", "encoding", "utf8"], LISTEN], [push("x\xe6\x82")], [EOF], [["a", "facts"]]],
    "half_a_character_at_the_end_while_paused": [
        [["a", "encoding", "utf8"], LISTEN], [push("x\xe6\x82")], [["a", "pause"]], [EOF], [["a", "facts"]],
        [["a", "resume"]],
    ],
    "encoding_with_bytes_waiting": [[push("\xc3\xa9\xc3")], [["a", "encoding", "utf8"], LISTEN], [push("\xa9"), EOF]],
    "text_put_back": [[["a", "encoding", "utf8"], LISTEN, when("data", ["a", "pause"], ["a", "unshift_text", "b"])],
                      [push("ab\xc3")], [push("\xa9")], [["a", "resume"]], [EOF]],
    "latin1": [[["a", "encoding", "latin1"], LISTEN], [push("\xe9\xff")], [EOF]],
    "utf16": [[["a", "encoding", "utf-16le"], LISTEN], [push("a")], [push("\x00b")], [push("\x00"), EOF]],
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_story_is_the_same(name: str, node: Node) -> None:
    assert ours(SCENARIOS[name], mark=8) == node.story(SCENARIOS[name], mark=8)


PIECES = st.text("abcdefgh", min_size=1, max_size=12)
OPERATIONS = st.one_of(
    st.tuples(st.just("a"), st.sampled_from(["push", "unshift"]), PIECES),
    st.tuples(st.just("a"), st.just("push"), PIECES),
    st.tuples(st.just("a"), st.sampled_from(["pause", "resume", "listen", "unlisten"])),
    st.tuples(st.just("a"), st.just("pipe"), st.sampled_from("bc"), st.booleans()),
    st.tuples(st.just("a"), st.just("unpipe"), st.sampled_from("bc")),
    st.tuples(st.sampled_from("bc"), st.sampled_from(["end", "destroy", "pause", "listen"])),
    st.tuples(st.sampled_from("bc"), st.just("write"), PIECES),
)


def joined(story: Story) -> Story:
    """What is taken in a row counts once: pieces that waited at the source come joined."""
    told: Story = {}
    for who, events in story.items():
        told[who] = []
        for event in events:
            if event.startswith("takes ") and told[who] and told[who][-1].startswith("takes "):
                told[who][-1] += event.removeprefix("takes ")
            else:
                told[who].append(event)
    return told


def without_telling_pipes(operations: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Two pipes into the same stream, and a pipe into one that takes nothing, tell how the pieces are cut."""
    piped: set[str] = set()
    over: set[str] = set()
    kept = []
    for each in operations:
        if each[1] == "pipe" and each[2] in piped | over:
            continue
        if each[1] in ("destroy", "end"):
            over.add(each[0])
        if each[1] == "pipe":
            piped.add(each[2])
        if each[1] == "unpipe":
            piped.discard(each[2])
        kept.append(each)
    return kept


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(OPERATIONS, max_size=16), ends=st.booleans())
def test_any_scenario_tells_the_same_story(node: Node, operations: list[tuple[Any, ...]], ends: bool) -> None:
    """Nothing is full here: that depends on how the pieces are cut."""
    scenario = [[list(each)] for each in without_telling_pipes(operations)]
    if ends:
        scenario += [[EOF], [["a", "resume"]]]
    assert joined(ours(scenario)) == joined(node.story(scenario))
