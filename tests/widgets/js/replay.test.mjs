// Replay: where fields and their bits stand, which steps a page asks for, where a key leads, what is read out.
import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, digits, leads, packetOf, pieces, said, shown, wanted } from "../../../labkit/widgets/js/replay.js";

const field = (start, bits) => [0, start, bits, "", ""];

test("a field of more than one row is cut at its end, and what is far down is not drawn", () => {
  const found = pieces([field(0, 16), field(16, 16), field(32, 48), field(80, 16)]);
  assert.deepEqual(found.map(({ field, row, column, span, start }) => [field, row, column, span, start]),
    [[0, 0, 0, 16, 0], [1, 0, 16, 16, 16], [2, 1, 0, 32, 32], [2, 2, 0, 16, 64], [3, 2, 16, 16, 80]]);
  assert.equal(pieces([field(0, 64000 * 8)]).length, 16);
  assert.deepEqual(pieces([field(16 * 32, 8)]), []);
  assert.deepEqual(pieces([]), []);
});

test("bits are those of the bytes, and none are made up", () => {
  assert.equal(digits("a5f0", 0, 16), "1010010111110000");
  assert.equal(digits("a5f0", 7, 2), "11");
  assert.equal(digits("a5", 4, 8), "");
  assert.equal(digits("", 0, 1), "");
});

test("steps are asked for before they are needed, and not twice", () => {
  const held = (first, last) => (index) => first <= index && index < last;
  assert.equal(wanted(0, 24, held(0, 24)), undefined);
  assert.equal(wanted(3, 1000, held(0, 24)), undefined);
  assert.deepEqual(wanted(4, 1000, held(0, 24)), [24, 74]);
  assert.deepEqual(wanted(999, 1000, held(0, 24)), [991, 1000]);
  assert.deepEqual(wanted(515, 1000, held(492, 542)), undefined);
  assert.deepEqual(wanted(495, 1000, held(492, 542)), [442, 492]);
  assert.deepEqual(wanted(2, 3, held(0, 2)), [0, 3]);
  assert.equal(wanted(0, 0, held(0, 0)), undefined);
});

test("keys lead to packets", () => {
  assert.deepEqual(["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "Home", "End", "x"].map((key) => leads(key, 5, 20)),
    [6, 6, 4, 4, 0, 19, undefined]);
  assert.deepEqual([leads("ArrowRight", 19, 20), leads("ArrowLeft", 0, 20), leads("PageDown", 18, 20), leads("End", 0, 0)], [19, 0, 19, 0]);
});

test("numbers, times, and what is read out", () => {
  assert.deepEqual([shown(null), shown(0), shown(65536)], ["–", "0", "65,536"]);
  assert.deepEqual([clock(null), clock(0), clock(1.234), clock(41), clock(1500)], ["", "0 ms", "1.23 ms", "41 ms", "1.50 s"]);
  const step = { n: 2, r: false, f: "SYN, ACK seq=0 ack=1", z: 0, w: "", c: ["ESTABLISHED", ""], s: ["SYN-RECEIVED", ""], a: [] };
  assert.equal(said(step), "packet 2, server to client: SYN, ACK seq=0 ack=1; client ESTABLISHED, server SYN-RECEIVED");
  assert.equal(said({ ...step, r: true, z: 9, w: "dropped", c: undefined }), "packet 2, client to server: SYN, ACK seq=0 ack=1, 9 bytes, dropped");
  assert.equal(packetOf({ ...step, z: 1 }), "packet 2, server to client: SYN, ACK seq=0 ack=1, 1 byte");
  const above = [["HTTP", "waits for the rest of 200 OK", "", "has sent a part of 200 OK", ""]];
  assert.equal(said({ ...step, c: undefined, a: above }),
    "packet 2, server to client: SYN, ACK seq=0 ack=1; HTTP: client waits for the rest of 200 OK, server has sent a part of 200 OK");
});
