// The inspector's own reckoning: which rows are in sight, which field has a bit, what is folded, where a field lies.
import assert from "node:assert/strict";
import { test } from "node:test";

import { asFields, bitsIn, fieldsAt, headOf, inView, letter, place, unfolded } from "../../../labkit/widgets/js/inspector.js";

/** depth, part, name, label, start, bits: a byte of two halves, a flag byte, and a second part. */
const FIELDS = asFields([
  [0, 0, "IP", "IP", 0, 24, "", ""], [1, 0, "a", "A", 0, 4, "", ""], [1, 0, "b", "B", 4, 12, "", ""],
  [1, 0, "f", "F", 16, 8, "", ""], [2, 0, "f.x", "X", 16, 1, "", ""], [2, 0, "f.y", "Y", 17, 7, "", ""],
  [0, 1, "In", "In", 0, 16, "", ""],
]);

test("only the rows in sight are drawn, and a few more", () => {
  assert.deepEqual(inView(0, 220, 22, 10000), [0, 13]);
  assert.deepEqual(inView(22 * 5000, 220, 22, 10000), [4997, 5013]);
  assert.deepEqual(inView(22 * 9990, 220, 22, 10000), [9987, 10000]);
  assert.deepEqual(inView(0, 220, 22, 2), [0, 2]);
  assert.deepEqual(inView(0, 220, 22, 0), [0, 0]);
});

test("a field knows whether it has parts", () => {
  assert.deepEqual(FIELDS.map(({ kids }) => kids), [true, false, false, true, false, false, false]);
});

test("a byte leads to the fields without parts that have bits of it", () => {
  assert.deepEqual([0, 1, 2, 3].map((byte) => fieldsAt(FIELDS, 0, byte)), [[1, 2], [2], [4, 5], []]);
  assert.deepEqual(fieldsAt(FIELDS, 1, 1), [6]);
});

test("what is folded hides what is inside it, and nothing else", () => {
  assert.deepEqual(unfolded(FIELDS, new Set()), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(unfolded(FIELDS, new Set([3])), [0, 1, 2, 3, 6]);
  assert.deepEqual(unfolded(FIELDS, new Set([0, 3])), [0, 6]);
});

test("the bits of a field in one byte", () => {
  assert.deepEqual([0, 1, 2].map((byte) => bitsIn({ start: 4, bits: 12 }, byte)), [[4, 8], [0, 8], [0, 0]]);
  assert.deepEqual(bitsIn({ start: 17, bits: 1 }, 2), [1, 2]);
});

test("the place of a field in words", () => {
  assert.equal(place({ start: 0, bits: 48 }), "bytes 0–5");
  assert.equal(place({ start: 96, bits: 8 }), "byte 12");
  assert.equal(place({ start: 112, bits: 4 }), "byte 14, bits 0–3 of 0–7");
  assert.equal(place({ start: 375, bits: 1 }), "byte 46, bit 7 of 0–7");
  assert.equal(place({ start: 163, bits: 13 }), "bytes 20–21, 13 bits");
  assert.equal(place({ start: 8, bits: 0 }), "no bits");
});

test("a byte as a character; what cannot be seen is a dot", () => {
  assert.deepEqual([0x41, 0x20, 0x3c, 0x00, 0x1b, 0x7f, 0xe2].map(letter), ["A", " ", "<", "·", "·", "·", "·"]);
});

test("what comes with the view is rows, and the first packet if there is one", () => {
  const said = { title: "Packet 1", fields: [[0, 0, "IP", "IP", 0, 24, "", ""]], parts: [["a", 3], ["b", 5000]], links: [], more: 0 };
  const raw = Uint8Array.from({ length: 3 + 4096 }, (_, i) => i % 7); // NULs among them
  const [rows, first] = headOf(new Uint8Array([...new TextEncoder().encode(`1\té\n2\tb\0${JSON.stringify(said)}\0`), ...raw]));
  assert.equal(rows, "1\té\n2\tb");
  assert.deepEqual(first?.data.map((one) => [...one.entries()].map(([at, bytes]) => [at, bytes.length, bytes[0]])), [[[0, 3, 0]], [[0, 4096, 3]]]);
  assert.deepEqual([first?.title, first?.fields[0].label, first?.where], ["Packet 1", "IP", { kind: "packets", flow: -1, shown: "", index: 0 }]);
  assert.deepEqual(headOf(new TextEncoder().encode("1\tb")), ["1\tb", null]);
  assert.deepEqual(headOf(new Uint8Array()), ["", null]);
});
