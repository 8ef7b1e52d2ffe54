// Replay: a tape packet by packet. The ladder grows, what each end knows stands beside it, the packet's bits below.
// Rule: the page holds the steps around the present one, so that a key needs no answer; it draws only what has changed.
// @ts-check
import { bytesOf, follow, frame, make, rove, talk, text, within } from "./shared.js";

/** What is the same of a field in every packet: label, short name, filter name, why, RFC.
 * @typedef {[string, string, string, string, string]} Kind */
/** A field of a packet: its kind, first bit in the layer, bits, value, meaning. @typedef {[number, number, number, string, string]} Field */
/** A layer: name, title, bits, first bytes in hexadecimal, fields. @typedef {[string, string, number, string, Field[]]} Layer */
/** @typedef {[number | null, string]} Fact */
/** What an end knows: state, what was assumed for it, its numbers. @typedef {[string, string, ...Fact[]]} End */
/** A protocol above: its name, the client's state and what was assumed for it, the server's. @typedef {[string, string, string, string, string]} Above */
/** @typedef {{n: number, t: number | null, r: boolean, f: string, z: number, w: string, p: string, l: boolean, b: Layer[], a: Above[], c?: End, s?: End, kinds: Kind[]}} Step */
/** @typedef {{first: number, steps: Step[], kinds: Kind[]}} Chunk */
/** @typedef {{name: string, client: string, server: string, count: number, tcp: boolean}} Course */
/** A part of a field in one row of 32 bits: the field's place in the list, row, column, columns, first bit.
 * @typedef {{field: number, row: number, column: number, span: number, start: number}} Piece */

const ROWS = 8, BITS = 32, MOST_ROWS = 16, CHUNK = 50, NEAR = 20, PLAY = 1000;
const PROVED = "✓", ASSUMED = "≈";

/** The pieces of these fields in rows of 32 bits, as far as rows are drawn. @param {Field[]} fields @returns {Piece[]} */
export function pieces(fields) {
  const found = [];
  for (let field = 0; field < fields.length; field += 1) {
    let [, start, bits] = fields[field];
    while (bits > 0 && start < MOST_ROWS * BITS) {
      const column = start % BITS, span = Math.min(bits, BITS - column);
      found.push({ field, row: Math.floor(start / BITS), column, span, start });
      start += span;
      bits -= span;
    }
  }
  return found;
}

/** Bits of bytes in hexadecimal, as 0 and 1; "" if they are not there. @param {string} bytes @param {number} start @param {number} count */
export function digits(bytes, start, count) {
  let found = "";
  for (let bit = start; bit < start + count; bit += 1) {
    const byte = parseInt(bytes.slice((bit >> 3) * 2, (bit >> 3) * 2 + 2), 16);
    if (Number.isNaN(byte)) return "";
    found += (byte >> (7 - (bit & 7))) & 1;
  }
  return found;
}

/** Which steps to ask for, so that those near a place are held: [first, last), or undefined if they are.
 * @param {number} at @param {number} count @param {(index: number) => boolean} held @returns {[number, number] | undefined} */
export function wanted(at, count, held) {
  if (!count) return undefined;
  if (!held(at)) return [Math.max(0, at - ROWS), Math.min(count, at - ROWS + CHUNK)];
  for (let index = at; index <= Math.min(at + NEAR, count - 1); index += 1) {
    if (!held(index)) return [index, Math.min(count, index + CHUNK)];
  }
  for (let index = at; index >= Math.max(0, at - NEAR); index -= 1) {
    if (!held(index)) return [Math.max(0, index - CHUNK + 1), index + 1];
  }
  return undefined;
}

/** Where a key leads from a step; undefined for another key. @param {string} key @param {number} at @param {number} count */
export function leads(key, at, count) {
  const to = {
    ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, PageDown: at + ROWS, PageUp: at - ROWS,
    Home: 0, End: count - 1,
  }[key];
  return to === undefined ? undefined : within(0, to, Math.max(0, count - 1));
}

/** A number as people read it. @param {number | null} value */
export const shown = (value) => (value === null ? "–" : value.toLocaleString("en"));

/** A time since the first packet. @param {number | null} ms */
export const clock = (ms) => (ms === null ? "" : Math.abs(ms) >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms && Math.abs(ms) < 10 ? 2 : 0)} ms`);

/** A packet in one line: the ladder shows its way by an arrow alone. @param {Step} step */
export function packetOf(step) {
  const from = step.r ? "client to server" : "server to client";
  return `packet ${step.n}, ${from}: ${step.f}${step.z ? `, ${step.z} ${step.z === 1 ? "byte" : "bytes"}` : ""}${step.w ? `, ${step.w}` : ""}`;
}

/** A step in one line, as a screen reader says it: the packet, and what each end knows in each protocol. @param {Step} step */
export function said(step) {
  const ends = step.c && step.s ? `; client ${step.c[0]}, server ${step.s[0]}` : "";
  return `${packetOf(step)}${ends}${step.a.map(([protocol, client, , server]) => `; ${protocol}: client ${client}, server ${server}`).join("")}`;
}

/** What was assumed at a step, each once. @param {Step} step */
export function reasonsOf(step) {
  const found = new Set(step.a.flatMap(([, , client, , server]) => [client, server]));
  for (const end of [step.c, step.s]) for (const fact of end ? end.slice(1) : []) found.add(Array.isArray(fact) ? fact[1] : String(fact));
  found.delete("");
  return [...found].sort();
}

/** Set a text if it is another one. @param {HTMLElement} element @param {string} words */
function put(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/** What one end knows, as a table whose cells change. @param {string} who @param {[string, string, string][]} rows */
function panel(who, rows) {
  const table = make("table", { class: `lk-end lk-end-${who}` }), caption = make("caption");
  const name = make("span", { class: "lk-mono" });
  caption.append(name);
  table.append(caption);
  /** @param {string} label @param {string} what */
  function line(label, what) {
    const row = make("tr"), head = make("th", { scope: "row" }, label), cell = make("td");
    if (what) head.title = what;
    const mark = make("span", { class: "lk-mark", role: "img", hidden: "" }), value = make("span", { class: "lk-mono" });
    cell.append(value, mark);
    row.append(head, cell);
    table.append(row);
    let now = "";
    return {
      row,
      /** @param {string} words @param {string | undefined} assumed @param {boolean} light */
      show(words, assumed, light) {
        cell.classList.toggle("lk-lit", light && words !== now);
        if (words !== now) { now = words; value.textContent = words; }
        const sign = assumed === undefined ? "" : assumed ? ASSUMED : PROVED;
        if (mark.textContent === sign) return;
        mark.textContent = sign;
        mark.hidden = !sign;
        mark.setAttribute("aria-label", assumed ? "assumed" : "proved by the tape");
      },
    };
  }
  const state = line("State", "as RFC 9293 names it (§3.3.2)"), lines = rows.map(([, label, what]) => line(label, what));
  /** @type {Map<string, ReturnType<typeof line>>} */ const above = new Map();
  return {
    table,
    /** @param {string} words */
    call(words) {
      put(name, words);
      for (const { row } of above.values()) row.remove();
      above.clear();
    },
    /** Show what the end knows; what differs from before is lit.
     * @param {End | undefined} end @param {[string, string, string][]} more protocols above: name, state, what was assumed
     * @param {boolean} light */
    draw(end, more, light) {
      state.row.hidden = !end;
      state.show(end ? end[0] : "", end ? end[1] : undefined, light);
      lines.forEach((each, at) => {
        const [value, assumed] = end ? /** @type {Fact} */ (end[at + 2]) : [null, ""];
        each.row.hidden = !end;
        each.show(shown(value), value === null ? undefined : assumed, light);
      });
      for (const [protocol, words, assumed] of more) {
        let each = above.get(protocol);
        if (!each) above.set(protocol, each = line(protocol, ""));
        each.show(words, assumed, light);
      }
    },
  };
}

/** One row of the ladder: a number, a time, an arrow and its words. @param {string} id */
function rung(id) {
  const row = make("div", { class: "lk-rung", role: "option", id }), at = make("span", { class: "lk-at lk-quiet" });
  const body = make("span", { class: "lk-body" }), words = make("span", { class: "lk-words" }), flags = make("b");
  const rest = make("span", { class: "lk-quiet" }), warn = make("span", { class: "lk-bad" }), line = make("span", { class: "lk-arrow", "aria-hidden": "true" });
  words.append(flags, rest, warn);
  body.append(words, line);
  row.append(at, body);
  let last = -1;
  return {
    row, index: -1,
    /** @param {number} index @param {Step | undefined} step @param {boolean} present */
    draw(index, step, present) {
      row.classList.toggle("lk-present", present);
      row.setAttribute("aria-selected", String(present));
      row.setAttribute("aria-posinset", String(index + 1)); // rows are moved by style, not in the document
      this.index = index;
      const now = step ? index : -1 - index;
      if (now === last) return;
      last = now;
      put(at, step ? `${step.n}${step.t === null ? "" : ` · ${clock(step.t)}`}` : "");
      put(flags, step ? step.f : "…");
      put(rest, step ? `${step.z ? ` ${step.z.toLocaleString("en")} ${step.z === 1 ? "byte" : "bytes"}` : ""}${step.p ? ` ${step.p}` : ""}` : "");
      put(warn, step && step.w ? ` ${step.w}` : "");
      if (step) row.setAttribute("aria-label", `${packetOf(step)}${step.p ? ` ${step.p}` : ""}${step.t === null ? "" : `, at ${clock(step.t)}`}`);
      else row.removeAttribute("aria-label");
      line.className = `lk-arrow ${step ? (step.r ? "lk-right" : "lk-left") : ""} ${step && step.l ? "lk-lost" : ""}`;
    },
  };
}

/** The bits of the present packet: a layer is chosen by name, and a field by pointer or key. */
function bits() {
  const root = make("div", { class: "lk-bits" }), bar = make("div", { class: "lk-bar" }), grid = make("div", { class: "lk-grid", role: "group" });
  const label = make("label", {}, "Bits of "), choose = /** @type {HTMLSelectElement} */ (make("select"));
  const told = make("div", { class: "lk-told" }), more = make("div", { class: "lk-quiet lk-more" });
  label.append(choose);
  bar.append(label);
  root.append(bar, grid, more, told);
  /** @type {Step | undefined} */ let step;
  /** @type {Piece[]} */ let placed = [];
  /** @type {{box: HTMLElement, value: HTMLElement, digits: HTMLElement}[]} */ let boxes = [];
  let want = "", shape = "", at = 0, names = "";

  const layer = () => step?.b.find(([name]) => name === choose.value);
  function tell() {
    const found = layer(), piece = placed[at];
    if (!found || !piece || !step) { put(told, ""); return; }
    const [kind, , count, value, meaning] = found[4][piece.field], [name, , filter, why, rfc] = step.kinds[kind];
    put(told, `${name} (${filter}, ${count} ${count === 1 ? "bit" : "bits"}) = ${value}${meaning ? `: ${meaning}` : ""}. ${why}${rfc ? ` ${rfc}` : ""}`);
  }
  /** @param {number} next @param {boolean} focus */
  function go(next, focus) {
    at = next;
    const field = placed[at]?.field;
    boxes.forEach(({ box }, index) => {
      box.classList.toggle("lk-lit", placed[index].field === field);
      box.setAttribute("aria-pressed", String(placed[index].field === field));
    });
    if (focus) rove(boxes.map(({ box }) => box), boxes[at]?.box);
    tell();
  }
  function draw() {
    const found = layer();
    if (!found || !step) { grid.replaceChildren(); boxes = []; placed = []; shape = ""; put(told, ""); put(more, ""); return; }
    const [name, title, size, bytes, fields] = found, kinds = step.kinds;
    const now = JSON.stringify([name, fields.map(([kind, start, count]) => [kinds[kind][0], start, count])]);
    if (now !== shape) {
      shape = now;
      placed = pieces(fields);
      grid.setAttribute("aria-label", `${title}: fields, 32 bits a row`);
      boxes = placed.map(({ field, row, column, span }, index) => {
        const kind = kinds[fields[field][0]];
        const box = make("button", { class: "lk-field", type: "button", tabindex: index ? "-1" : "0" });
        box.style.gridArea = `${row + 1} / ${column + 1} / auto / span ${span}`;
        const label = make("span", { class: "lk-name" }, span < 5 ? kind[1] : kind[0]), value = make("span", { class: "lk-value" });
        const each = make("span", { class: "lk-digits lk-mono" }), line = make("span", { class: "lk-line" });
        line.append(label, value);
        box.append(line, each);
        box.onclick = () => go(index, true);
        return { box, value, digits: each };
      });
      grid.replaceChildren(...boxes.map(({ box }) => box));
      const drawn = MOST_ROWS * BITS, last = fields.length ? fields[fields.length - 1][1] + fields[fields.length - 1][2] : 0;
      put(more, size > Math.min(drawn, last) ? `${(Math.ceil((size - Math.min(drawn, last)) / 8)).toLocaleString("en")} more bytes are not drawn here.` : "");
      go(within(0, at, Math.max(0, placed.length - 1)), false);
    }
    placed.forEach(({ field, span, start }, index) => {
      const [kind, , , value, meaning] = fields[field], box = boxes[index];
      put(box.value, span < 5 ? "" : ` ${value}`);
      put(box.digits, digits(bytes, start, span));
      const words = `${kinds[kind][0]}: ${value}${meaning ? `, ${meaning}` : ""}`;
      if (box.box.title !== words) { box.box.title = words; box.box.setAttribute("aria-label", words); }
    });
    tell();
  }
  choose.onchange = () => { want = choose.value; at = 0; draw(); };
  grid.addEventListener("keydown", (event) => {
    const piece = placed[at];
    if (!piece) return;
    const beside = (/** @type {number} */ rows) => placed.findIndex(({ row, column, span }) => row === piece.row + rows && column <= piece.column && piece.column < column + span);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: beside(1), ArrowUp: beside(-1), Home: 0, End: placed.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to < placed.length) go(to, true);
  });
  return {
    root,
    /** @param {Step | undefined} next */
    draw(next) {
      step = next;
      const now = step ? step.b.map(([name]) => name) : [];
      if (now.join("\n") !== names) {
        names = now.join("\n");
        choose.replaceChildren(...now.map((name) => make("option", { value: name }, name)));
        // What was chosen, if this packet has it; else the layer above IP.
        const usual = now.find((name) => name === "TCP" || name === "UDP" || name.startsWith("ICMP")) ?? now[now.length - 1] ?? "";
        choose.value = now.includes(want) ? want : usual;
      }
      draw();
    },
  };
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  /** @type {{origin: string, chosen: number, courses: Course[], why: Record<string, string>, rows: [string, string, string][]}} */
  const state = model.get("state");
  const { root, line, say } = frame(model, el, "replay", "Replay of a tape");
  if (!state.courses.length) {
    root.append(make("p", { class: "lk-none" }, "No packet of this tape belongs to an exchange: there is nothing to step through."), line);
    return undefined;
  }
  const bar = make("div", { class: "lk-bar" }), choose = /** @type {HTMLSelectElement} */ (make("select", { "aria-label": "exchange" }));
  choose.append(...state.courses.map(({ name }, index) => make("option", { value: String(index) }, name)));
  /** @param {string} words @param {string} label @param {() => void} act */
  function button(words, label, act) {
    const made = /** @type {HTMLButtonElement} */ (make("button", { type: "button", "aria-label": label, title: label }, words));
    made.onclick = act;
    return made;
  }
  // A button that leads nowhere can still be pressed: if it were disabled, it would lose the focus of whoever pressed it.
  const start = button("First", "first packet", () => told(0)), back = button("Back", "packet before", () => told(at - 1));
  const next = button("Next", "next packet", () => told(at + 1)), end = button("Last", "last packet", () => told(course().count - 1));
  const play = button("Play", "play, one packet a second", () => { if (timer) { pause(); told(at); } else run(); });
  const slider = /** @type {HTMLInputElement} */ (make("input", { type: "range", min: "0", "aria-label": "packet", class: "lk-slider" }));
  const place = make("span", { class: "lk-place" }), heard = make("span", { class: "lk-heard", role: "status" });
  bar.append(choose, start, back, play, next, end, slider, place, heard);
  const client = panel("client", state.rows), server = panel("server", state.rows);
  const ladder = make("div", { class: "lk-ladder", role: "listbox", tabindex: "0", "aria-label": "packets up to the present one" });
  const id = `lk-${Math.random().toString(36).slice(2)}`;
  const rungs = Array.from({ length: ROWS }, (_, index) => rung(`${id}-${index}`));
  ladder.append(...rungs.map(({ row }) => row));
  rungs.forEach((each) => { each.row.onclick = () => { if (each.index >= 0) go(each.index); }; });
  const stage = make("div", { class: "lk-stage" });
  stage.append(client.table, ladder, server.table);
  const legend = make("div", { class: "lk-legend" }, `${PROVED} proved by the tape  ${ASSUMED} assumed`), why = make("ul", { class: "lk-why lk-quiet" });
  const below = bits();
  root.append(bar, stage, legend, why, below.root, line);

  let chosen = state.chosen, at = 0, /** @type {any} */ timer = 0, /** @type {Step | undefined} */ before, reasons = "";
  /** @type {Map<number, Step>[]} */ const held = state.courses.map(() => new Map());
  let asking = false, missing = false;
  const course = () => state.courses[chosen];
  const talking = talk(model, () => {}, say);

  /** @param {number} number @param {Uint8Array} bytes */
  function take(number, bytes) {
    const chunk = /** @type {Chunk} */ (JSON.parse(text(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))));
    chunk.steps.forEach((step, index) => { step.kinds = chunk.kinds; held[number].set(chunk.first + index, step); });
  }
  /** Ask for steps that are missing near the present one: one question at a time, however fast the slider is drawn. */
  function fetch() {
    const number = chosen, span = asking ? undefined : wanted(at, course().count, (index) => held[number].has(index));
    if (!span) return;
    asking = true;
    talking.ask("steps", { course: number, first: span[0], last: span[1] }).then(({ buffers }) => {
      asking = false;
      take(number, bytesOf(buffers[0]));
      if (missing) draw(); else fetch(); // what is drawn stays, with what was lit
    }, (error) => { asking = false; say(error.message); });
  }
  function draw() {
    const { count, tcp } = course(), steps = held[chosen], step = steps.get(at);
    slider.value = String(at);
    slider.setAttribute("aria-valuetext", step ? said(step) : `packet at place ${at + 1}`);
    put(place, `${at + 1} of ${count}`);
    for (const each of [start, back]) each.setAttribute("aria-disabled", String(at === 0));
    for (const each of [next, end]) each.setAttribute("aria-disabled", String(at === count - 1));
    const top = Math.max(0, at - ROWS + 1);
    missing = false;
    // A rung keeps its packet as long as that is in sight: only the one that comes is drawn, and one is moved.
    for (let index = top; index < top + ROWS; index += 1) {
      const each = rungs[index % ROWS];
      each.row.hidden = index > at;
      if (index <= at && !steps.has(index)) missing = true;
      if (index <= at) each.draw(index, steps.get(index), index === at);
      else each.index = -1;
      each.row.style.order = String(index);
    }
    ladder.setAttribute("aria-activedescendant", rungs[at % ROWS].row.id);
    const light = before !== undefined && step !== undefined && before !== step;
    const above = step ? step.a : [];
    client.draw(step?.c, above.map(([protocol, words, assumed]) => [protocol, words, assumed]), light);
    server.draw(step?.s, above.map(([protocol, , , words, assumed]) => [protocol, words, assumed]), light);
    legend.hidden = why.hidden = !tcp;
    const now = step ? reasonsOf(step) : [];
    if (now.join() !== reasons) {
      reasons = now.join();
      why.replaceChildren(...now.map((key) => make("li", {}, `${ASSUMED} Assumed: ${state.why[/** @type {string} */ (key)]}`)));
    }
    below.draw(step);
    before = step;
    fetch();
  }
  /** @param {number} to */
  function go(to) {
    const place = within(0, to, course().count - 1);
    if (place === at) return;
    at = place;
    put(heard, ""); // it was said of another packet
    draw();
  }
  /** Go, and let a screen reader say where that leads: slider and ladder do it by themselves. @param {number} to */
  function told(to) {
    go(to);
    put(heard, slider.getAttribute("aria-valuetext") || "");
  }
  function pause() {
    clearInterval(timer);
    timer = 0;
    put(play, "Play");
    play.setAttribute("aria-label", play.title = "play, one packet a second");
  }
  function run() {
    if (at === course().count - 1) go(0);
    timer = setInterval(() => { if (at < course().count - 1) go(at + 1); if (at === course().count - 1) { pause(); told(at); } }, PLAY);
    put(play, "Pause");
    play.setAttribute("aria-label", play.title = "pause");
  }
  /** @param {number} number */
  function open(number) {
    pause();
    chosen = number;
    at = 0;
    put(heard, "");
    before = undefined;
    const { client: left, server: right, count } = course();
    client.call(left);
    server.call(right);
    slider.max = String(count - 1);
    for (const { row } of rungs) row.setAttribute("aria-setsize", String(count));
    choose.value = String(number);
    draw();
  }
  choose.onchange = () => open(Number(choose.value));
  slider.oninput = () => go(Number(slider.value));
  ladder.addEventListener("keydown", (event) => {
    const to = leads(event.key, at, course().count);
    if (to !== undefined) go(to);
    else if (event.key === " ") { if (timer) pause(); else run(); } else return;
    event.preventDefault();
  });
  const stop = follow(model, "data", () => {
    const data = model.get("data");
    if (data.byteLength) take(state.chosen, bytesOf(data));
  });
  open(chosen);
  return () => { stop(); pause(); talking.stop(); };
}

export default { render };
