// What every view shares: where a key leads, numbers in bounds, and questions to a kernel that answers, is slow, or is gone.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { GONE, SLOW, bytesOf, dress, hex, retype, step, talk, text, typing, unique, within } from "../../../labkit/widgets/js/shared.js";

/** A model as a page has it: what was sent, and a kernel that is played by `told`. */
function fake() {
  const heard = new Set(), sent = [];
  return {
    sent, heard, gone: false,
    on(name, call) { assert.equal(name, "msg:custom"); heard.add(call); },
    off(name, call) { heard.delete(call); },
    send(message, _callbacks, buffers) { if (this.gone) throw new Error("no comm"); sent.push([message, buffers]); },
    told(message, buffers) { for (const call of [...heard]) call(message, buffers); },
  };
}

test("a key leads to a place in the list, or nowhere", () => {
  assert.deepEqual(["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End", "x"].map((key) => step(key, 5, 20, 4)),
    [6, 4, 9, 1, 0, 19, undefined]);
  assert.equal(step("ArrowDown", 19, 20, 4), 19);
  assert.equal(step("PageUp", 1, 20, 4), 0);
  assert.equal(step("End", 0, 0, 4), 0);
});

test("letters lead to the next entry that begins with them", () => {
  const names = ["Source Port", "Sequence Number", "Window", "Selective Acknowledgment", "Urgent Pointer"];
  /** Where these keys lead, each a tenth of a second after the one before. */
  const led = (keys, at, apart = 100) => {
    const typed = typing();
    return keys.map((key, n) => { const to = typed({ key, timeStamp: (n + 1) * apart, ctrlKey: key === "v" }, names, at); at = to ?? at; return to; });
  };
  assert.deepEqual(led(["w"], 0), [2]);
  assert.deepEqual(led(["s", "S", "s"], 0), [1, 3, 0]); // round and round
  assert.deepEqual(led(["s", "e", "l"], 4), [0, 1, 3]);
  assert.deepEqual(led(["s", "w"], 4, 2000), [0, 2]); // a pause begins anew
  assert.deepEqual(led([..."source p"], 2), [3, 0, 0, 0, 0, 0, 0, 0]); // a space belongs to a word that has begun
  assert.deepEqual(led(["x", "ArrowDown", " ", "v"], 0), [undefined, undefined, undefined, undefined]);
  assert.deepEqual(led([" "], 0), [undefined]);
});

test("numbers and bytes", () => {
  assert.deepEqual([within(0, -1, 9), within(0, 4, 9), within(0, 10, 9)], [0, 4, 9]);
  assert.deepEqual([hex(0), hex(255)], ["00", "ff"]);
  const buffer = new Uint8Array([9, 230, 130, 168, 9]).buffer;
  assert.deepEqual([...bytesOf(new DataView(buffer, 1, 3))], [230, 130, 168]);
  assert.equal(text(new DataView(buffer, 1, 3)), "您");
  assert.notEqual(unique(), unique());
});

test("a style is put into the page once, and again if it is another one", (context) => {
  const put = [];
  const style = () => ({ setAttribute(_name, id) { this.id = id; }, set textContent(words) { this.words = words; put.push(words); }, get textContent() { return this.words; } });
  const head = [];
  globalThis.document = { getElementById: (id) => head.find((each) => each.id === id) || null, createElement: style, head: { append: (each) => head.push(each) } };
  context.after(() => { delete globalThis.document; });
  for (const words of ["a", "a", "b", "b"]) dress("one", words);
  dress("two", "a");
  assert.deepEqual([put, head.map((each) => [each.id, each.words])], [["a", "b", "a"], [["one", "b"], ["two", "a"]]]);
});

test("a new text in a field is selected if all of the old one was", () => {
  const field = { value: "", selectionStart: 0, selectionEnd: 0, setSelectionRange(from, to) { [this.selectionStart, this.selectionEnd] = [from, to]; } };
  const selected = (from, to, old, text) => {
    Object.assign(field, { value: old, selectionStart: from, selectionEnd: to });
    retype(field, text);
    return [field.value, field.selectionStart, field.selectionEnd];
  };
  assert.deepEqual(selected(0, 2, "10", "0x000a"), ["0x000a", 0, 6]);
  assert.deepEqual(selected(2, 2, "10", "0x000a"), ["0x000a", 2, 2]);
  assert.deepEqual(selected(0, 0, "", "0x000a"), ["0x000a", 0, 0]);
  assert.deepEqual(selected(0, 6, "0x000a", "0x000a"), ["0x000a", 0, 6]);
});

test("an answer finds its question by its ticket, in whatever order", async () => {
  const model = fake(), told = [], { ask } = talk(model, (message) => told.push(message), () => {});
  const first = ask("rows", { from: 1 }), second = ask("rows", { from: 2 }, [new ArrayBuffer(2)]);
  assert.deepEqual(model.sent.map(([message, buffers]) => [message.ask, message.from, buffers.length]), [["rows", 1, 0], ["rows", 2, 1]]);
  model.told({ tell: "rows", ticket: model.sent[1][0].ticket, got: "b" }, ["buffer"]);
  model.told({ tell: "rows", ticket: model.sent[0][0].ticket, got: "a" });
  assert.deepEqual([(await first).message.got, (await second).message.got, (await second).buffers], ["a", "b", ["buffer"]]);
  model.told({ tell: "more" });
  model.told({ tell: "rows", ticket: 99 }); // of another view of the same object
  assert.deepEqual(told.map(({ tell }) => tell), ["more"]);
});

test("an error is the kernel's words", async () => {
  const model = fake(), { ask } = talk(model, () => {}, () => {});
  const asked = ask("rows");
  model.told({ tell: "error", ticket: model.sent[0][0].ticket, words: "there is no packet 9" });
  await assert.rejects(asked, /there is no packet 9/);
});

test("a kernel that is slow is told, and forgotten when it answers", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const model = fake(), said = [], { ask } = talk(model, () => {}, (words) => said.push(words), 3000);
  const asked = ask("rows");
  mock.timers.tick(2999);
  assert.deepEqual(said, []);
  mock.timers.tick(1);
  assert.deepEqual(said, [SLOW]);
  model.told({ tell: "rows", ticket: 1 });
  await asked;
  assert.deepEqual(said, [SLOW, ""]);
  mock.timers.reset();
});

test("a kernel that is gone is told at once, and a view that was removed hears nothing", () => {
  const model = fake(), said = [], { ask, stop } = talk(model, () => {}, (words) => said.push(words));
  model.gone = true;
  ask("rows");
  assert.deepEqual(said, [GONE]);
  stop();
  assert.equal(model.heard.size, 0);
});
