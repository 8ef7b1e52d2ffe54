// The frame builder: what a field shows while texts are on their way, which rows stay, whose a bit is, where keys lead.
import assert from "node:assert/strict";
import { test } from "node:test";

import { arrow, close, entry, keys, owner } from "../../../labkit/widgets/js/builder.js";

const row = (depth, name, start = 0, bits = 0) => [depth, name, name || "Layer", start, bits, "", "", "", "", true];

test("a field takes new text from the kernel", () => {
  const field = entry("64");
  assert.equal(field.take("64", "63"), "63");
  assert.equal(field.told, "63");
});

test("a field keeps what is typed, and what was refused", () => {
  const field = entry("64");
  assert.equal(field.take("6", "63"), "6");
  field.send("6000");
  assert.equal(field.answered("6000", false), "6000");
  assert.equal(field.take("6000", "62"), "6000");
  assert.equal(field.told, "62");
});

test("an echo of an older text never replaces a newer one", () => {
  const field = entry("64");
  field.send("1");
  field.send("2");
  assert.equal(field.take("2", "1"), "2");
  assert.equal(field.answered("2", true), "2");
  assert.equal(field.take("2", "2"), "2");
  assert.equal(field.answered("2", true), "2");
  assert.equal(field.take("2", "3"), "3");
});

test("what the kernel makes of a text is shown, unless more was typed meanwhile", () => {
  const field = entry("64");
  field.send("0x10");
  assert.equal(field.take("0x10", "16"), "0x10");
  assert.equal(field.answered("0x10", true), "16");
  field.send("0x11");
  field.take("0x11", "17");
  assert.equal(field.answered("0x112", true), "0x112");
});

test("rows have names of their own, also two of one field", () => {
  const found = keys([row(0, ""), row(1, "ip.src"), row(0, ""), row(1, "ip.src")]);
  assert.equal(new Set(found).size, 4);
  assert.deepEqual(found, keys([row(0, ""), row(1, "ip.src", 8, 8), row(0, ""), row(1, "ip.src", 16, 8)]));
});

test("a bit belongs to the narrowest field that has it", () => {
  const rows = [row(0, ""), row(1, "tcp.flags", 100, 12), row(2, "tcp.flags.syn", 110, 1)];
  assert.deepEqual([99, 100, 110, 111, 112].map((bit) => owner(rows, bit)), [-1, 1, 2, 1, -1]);
});

test("the bits of a short field are all shown, of a long one those around a byte", () => {
  assert.deepEqual(close(14, 112, 8, 54), [14, 16]);
  assert.deepEqual(close(17, 136, 16, 54), [16, 20]);
  assert.deepEqual(close(53, 424, 8, 54), [52, 54]);
  assert.deepEqual(close(0, 0, 8, 1), [0, 1]);
  assert.deepEqual(close(54, 432, 8000, 1054), [54, 62]);
  assert.deepEqual(close(600, 432, 8000, 1054), [598, 606]);
  assert.deepEqual(close(1053, 432, 8000, 1054), [1046, 1054]);
});

test("arrow keys stay inside", () => {
  assert.deepEqual(["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End", "a"].map((key) => arrow(key, 20, 30, 16)),
    [21, 19, 20, 4, 0, 29, undefined]);
  assert.deepEqual([arrow("ArrowRight", 29, 30, 16), arrow("ArrowLeft", 0, 30, 16)], [29, 0]);
});
