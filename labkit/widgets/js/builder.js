// The frame builder: a row for each field, the bytes, and the bits of the chosen field; each change is the kernel's.
// Rule: nothing is computed here; a field takes only new text from the kernel, never the echo of what is on its way.
// @ts-check
import { bytesOf, follow, frame, hex, make, retype, talk, unique, within } from "./shared.js";

/** What labkit/draw/builder_rows.py writes. @typedef {[number, string, string, number, number, string, string, string, string, boolean]} Row */
export const DEPTH = 0, NAME = 1, LABEL = 2, START = 3, BITS = 4, TEXT = 5, SAYS = 6, STATE = 7, WHY = 8, OPEN = 9;

/** Bytes in a line, bits in a line, bytes that are shown, bytes whose bits are shown. */
export const WIDE = 16, MOST = 1024, CLOSE = 8;

/**
 * What a field to type into knows of its text: the last that the kernel told, and how many of its own are on their way.
 * A text of the kernel is shown unless something else was typed meanwhile, or an answer is still to come.
 */
export function entry(known = "") {
  let told = known, sent = known, underway = 0;
  return {
    get told() { return told; },
    /** This text was sent. @param {string} text */
    send(text) { sent = text; underway += 1; },
    /** The kernel has told a text: what the field shows now. @param {string} shown @param {string} text */
    take(shown, text) {
      const before = told;
      told = text;
      return underway || shown !== before ? shown : text;
    },
    /** The kernel has answered: what the field shows now. @param {string} shown @param {boolean} taken it was no error */
    answered(shown, taken) {
      underway -= 1;
      return underway || !taken || shown !== sent ? shown : told;
    },
  };
}

/** A name for each row that stays the same while the frame changes. @param {Row[]} rows */
export function keys(rows) {
  /** @type {Map<string, number>} */ const seen = new Map();
  return rows.map((row) => {
    const name = `${row[DEPTH]} ${row[NAME] || row[LABEL]}`, count = seen.get(name) || 0;
    seen.set(name, count + 1);
    return `${name} ${count}`;
  });
}

/** The narrowest row that has this bit; -1 if none has. @param {Row[]} rows @param {number} bit */
export function owner(rows, bit) {
  let found = -1;
  rows.forEach((row, i) => {
    if (row[BITS] && row[START] <= bit && bit < row[START] + row[BITS] && (found < 0 || row[BITS] <= rows[found][BITS])) found = i;
  });
  return found;
}

/** The first byte whose bits are shown, and the one after the last. @param {number} byte the chosen one @param {number} start @param {number} bits of the field @param {number} count */
export function close(byte, start, bits, count) {
  const first = start >> 3, after = Math.min(count, Math.ceil((start + bits) / 8));
  const from = after - first <= CLOSE ? first : within(first, byte - 2, after - CLOSE);
  const even = from - from % 2, to = Math.max(after - first <= CLOSE ? after : from + CLOSE, even + 1);
  return [even, Math.min(count, to + to % 2)];
}

/** Where an arrow leads among `count` in lines of `wide`; undefined for another key. @param {string} key @param {number} at @param {number} count @param {number} wide */
export function arrow(key, at, count, wide) {
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + wide, ArrowUp: at - wide, Home: 0, End: count - 1 }[key];
  return to === undefined ? undefined : to < 0 || to >= count ? at : to;
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const { root, line, say } = frame(model, el, "builder", "Frame builder");
  const kernel = talk(model, () => {}, say);
  /** @type {Row[]} */ let rows = [];
  /** @type {string[]} */ let names = [];
  /** @type {Uint8Array} */ let bytes = new Uint8Array();
  let at = 1, byte = 0, bit = 0, first = 0;

  /** @param {string} what @param {Record<string, any>} [values] @returns {Promise<boolean>} */
  async function ask(what, values) {
    try {
      await kernel.ask(what, values);
      say("");
      return true;
    } catch (error) {
      say(/** @type {Error} */ (error).message);
      return false;
    }
  }
  /** @param {string} words @param {() => void} press */
  function button(words, press) {
    const made = make("button", { type: "button" }, words);
    made.addEventListener("click", press);
    return made;
  }

  const bar = make("div", { class: "lk-bar" }), title = make("strong", { class: "lk-b-title" });
  const undo = /** @type {HTMLButtonElement} */ (button("Undo", () => ask("undo")));
  const mend = button("Mend all", () => ask("mend", { name: "" }));
  const send = button("Send", () => ask("send"));
  const whyNot = make("span", { class: "lk-quiet" });
  bar.append(title, undo, mend, send, whyNot);
  const body = make("div", { class: "lk-b-body" });
  const list = make("div", { class: "lk-b-fields", role: "group", "aria-label": "Fields" });
  const side = make("div", { class: "lk-b-side" });
  const why = make("p", { class: "lk-b-why" });
  const dump = make("div", { class: "lk-b-dump lk-mono", role: "group", "aria-label": "Bytes: arrow keys choose one" });
  const more = make("p", { class: "lk-quiet" });
  const bitsOf = make("p", { class: "lk-b-of" });
  const grid = make("div", { class: "lk-b-bits lk-mono", role: "group", "aria-label": "Bits: arrow keys move, Enter flips" });
  const came = make("div", { class: "lk-b-came", role: "status" });
  side.append(why, dump, more, bitsOf, grid);
  body.append(list, side);
  root.append(bar, body, came, line);

  // ---- the fields

  /** @typedef {{element: HTMLElement, show: (row: Row) => void}} Line */
  /** @type {Map<string, Line>} */ let lines = new Map();

  /** @returns {Line} */
  function heading() {
    const element = make("div", { class: "lk-b-layer" });
    return { element, show: (row) => { element.textContent = row[LABEL]; } };
  }
  /** @param {string} key @param {boolean} one it has one bit @returns {Line} */
  function field(key, one) {
    const id = unique(), element = make("div", { class: "lk-b-row" });
    const label = make("label", one ? {} : { for: id }), says = make("span", { class: "lk-b-says", id: `${id}-says` });
    const name = make("span", { class: "lk-b-name lk-mono" });
    const row = () => rows[names.indexOf(key)];
    const place = () => ({ name: row()[NAME], start: row()[START], bits: row()[BITS] });
    const box = one
      ? button("", () => ask("flip", { bit: row()[START] }))
      : /** @type {HTMLInputElement} */ (make("input", { id, type: "text", class: "lk-mono", autocomplete: "off", spellcheck: "false", maxlength: "4000", "aria-describedby": `${id}-says` }));
    const knows = entry();
    let shown = "";
    if (box instanceof HTMLInputElement) {
      const input = box;
      const write = async () => {
        if (input.value === knows.told || input.value === shown) return;
        const text = shown = input.value;
        knows.send(text);
        const taken = await ask("set", { ...place(), text });
        retype(input, knows.answered(input.value, taken));
        input.toggleAttribute("aria-invalid", false);
        if (!taken && input.value === text) input.setAttribute("aria-invalid", "true");
        shown = "";
      };
      input.addEventListener("change", write);
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.isComposing) write();
        if (event.key !== "Escape" || input.value === knows.told) return;
        input.value = knows.told;
        input.removeAttribute("aria-invalid");
        event.preventDefault(); // once more leads back to the cell
      });
    }
    const fix = button("", () => ask(row()[STATE] === "right" ? "leave" : "mend", { name: row()[NAME] }));
    label.append(name);
    element.append(label, box, says, fix);
    element.addEventListener("focusin", () => choose(names.indexOf(key)));
    element.addEventListener("click", () => choose(names.indexOf(key)));
    return {
      element,
      show(now) {
        element.style.setProperty("--lk-depth", String(now[DEPTH] - 1));
        name.textContent = now[NAME];
        label.title = now[LABEL];
        if (box instanceof HTMLInputElement) {
          retype(box, knows.take(box.value, now[TEXT]));
          box.readOnly = !now[OPEN];
        } else {
          box.textContent = now[TEXT];
          box.setAttribute("aria-label", `${now[NAME]}: ${now[TEXT]}, flip it`);
        }
        const state = now[STATE];
        says.textContent = (state === "right" || state === "held" ? "✓ " : state ? "✗ " : "") + now[SAYS];
        says.classList.toggle("lk-bad", state === "wrong" || state === "left");
        fix.hidden = !state;
        fix.textContent = state === "right" ? "Leave" : "Mend";
        fix.setAttribute("aria-label", `${fix.textContent} ${now[NAME]}`);
      },
    };
  }

  function drawRows() {
    const focused = root.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    const before = names;
    names = keys(rows);
    if (names.join("\n") !== before.join("\n")) {
      const kept = new Map();
      rows.forEach((row, i) => {
        const one = row[BITS] === 1, key = names[i];
        kept.set(key, lines.get(key) || (row[NAME] ? field(key, one) : heading()));
      });
      lines = kept;
      list.replaceChildren(...names.map((key) => /** @type {Line} */ (lines.get(key)).element));
      if (focused && list.contains(focused)) focused.focus();
    }
    rows.forEach((row, i) => lines.get(names[i])?.show(row));
  }

  /** @param {number} i a row @param {number} [on] the byte, if not the row's first */
  function choose(i, on) {
    if (!rows[i] || !rows[i][BITS]) return;
    const row = rows[i], own = on === undefined || on * 8 + 8 <= row[START] || on * 8 >= row[START] + row[BITS];
    if (i === at && own && byte * 8 + 8 > row[START] && byte * 8 < row[START] + row[BITS]) return drawSide();
    at = i;
    byte = own ? row[START] >> 3 : /** @type {number} */ (on);
    bit = Math.max(row[START], byte * 8);
    drawSide();
  }

  // ---- bytes and bits

  /** A button of bytes or bits. @param {string} kind @param {(n: number) => void} press @param {number} n */
  function cell(kind, press, n) {
    const made = make("button", { type: "button", class: `lk-b-${kind}`, tabindex: "-1" });
    made.addEventListener("click", () => press(n));
    return made;
  }
  /** @param {HTMLElement} box @param {number} count @param {string} kind @param {(n: number) => void} press */
  function fill(box, count, kind, press) {
    while (box.children.length > count) box.lastElementChild?.remove();
    while (box.children.length < count) box.append(cell(kind, press, box.children.length));
  }
  /** @param {HTMLElement} cell @param {Record<string, string>} attributes @param {string} words @param {string} classes */
  function set(cell, attributes, words, classes) {
    for (const name in attributes) if (cell.getAttribute(name) !== attributes[name]) cell.setAttribute(name, attributes[name]);
    if (cell.textContent !== words) cell.textContent = words;
    if (cell.className !== classes) cell.className = classes;
  }

  function drawSide() {
    const row = rows[at];
    lines.forEach(({ element }, key) => element.classList.toggle("lk-b-chosen", key === names[at]));
    if (!row || !bytes.length) { dump.replaceChildren(); grid.replaceChildren(); return; }
    why.textContent = `${row[LABEL]}. ${row[WHY]}`;
    const count = Math.min(bytes.length, MOST), end = row[START] + row[BITS];
    byte = within(0, byte, count - 1);
    fill(dump, count, "byte", (n) => toByte(n));
    for (let n = 0; n < count; n += 1) {
      const lit = n * 8 < end && n * 8 + 8 > row[START];
      set(/** @type {HTMLElement} */ (dump.children[n]), { tabindex: n === byte ? "0" : "-1", "aria-label": `byte ${n}: ${hex(bytes[n])}` },
        hex(bytes[n]), lit ? "lk-b-byte lk-lit" : "lk-b-byte");
    }
    more.textContent = bytes.length > MOST ? `and ${(bytes.length - MOST).toLocaleString("en")} bytes more` : "";
    const [from, to] = close(byte, row[START], row[BITS], bytes.length);
    first = from * 8;
    bit = within(first, bit, to * 8 - 1);
    bitsOf.textContent = `Bits of ${row[NAME]}, in bytes ${from} to ${to - 1}`;
    fill(grid, (to - from) * 8, "bit", (n) => { bit = first + n; ask("flip", { bit }); });
    for (let n = 0; n < (to - from) * 8; n += 1) {
      const place = first + n, on = bytes[place >> 3] >> (7 - place % 8) & 1, lit = row[START] <= place && place < end;
      const mine = owner(rows, place), whose = mine < 0 ? "" : ` of ${rows[mine][NAME]}`;
      set(/** @type {HTMLElement} */ (grid.children[n]), { tabindex: place === bit ? "0" : "-1", "aria-label": `bit ${place}${whose}: ${on}` },
        String(on), lit ? "lk-b-bit lk-lit" : "lk-b-bit");
    }
  }
  /** @param {number} n */
  function toByte(n) {
    const mine = owner(rows, n * 8);
    choose(mine < 0 ? at : mine, n);
    byte = n;
    drawSide();
    /** @type {HTMLElement} */ (dump.children[n])?.focus();
  }
  dump.addEventListener("keydown", (event) => {
    const to = arrow(event.key, byte, dump.children.length, WIDE);
    if (to === undefined) return;
    event.preventDefault();
    toByte(to);
  });
  grid.addEventListener("keydown", (event) => {
    const to = arrow(event.key, bit - first, grid.children.length, WIDE);
    if (to === undefined) return;
    event.preventDefault();
    bit = first + to;
    drawSide();
    /** @type {HTMLElement} */ (grid.children[to]).focus();
  });

  function draw() {
    const state = model.get("state");
    bytes = bytesOf(model.get("data"));
    const chosen = names[at];
    rows = state.rows;
    title.textContent = state.title;
    undo.setAttribute("aria-disabled", String(!state.undo));
    send.hidden = Boolean(state.why);
    send.textContent = state.sending ? "Sending…" : "Send";
    whyNot.textContent = state.why;
    drawRows();
    const same = names.indexOf(chosen);
    at = same >= 0 ? same : Math.max(0, owner(rows, bit));
    if (!rows[at]?.[BITS]) at = rows.findIndex((row) => row[BITS]);
    drawSide();
    const words = make("div", {}, state.came ? state.came.words + (state.came.old ? " (The frame has changed since then.)" : "") : ""), answers = make("ol");
    for (const each of state.came ? state.came.lines : []) answers.append(make("li", { class: "lk-mono" }, each));
    came.replaceChildren(words, ...(answers.children.length ? [answers] : []));
    came.hidden = !state.came;
  }
  const ends = [follow(model, "state", draw), kernel.stop]; // the bytes come with it, in one message
  return () => ends.forEach((end) => end());
}

export default { render };
