// The inspector: a list of packets (or messages, or records), the fields of one of them, and its bytes, linked both ways.
// Rule: only what is in sight is in the page; what is missing is asked for; a text of a peer stays text.
// @ts-check
import { bytesOf, follow, frame, hex, make, step, talk, text, typing, unique, within } from "./shared.js";

/** @typedef {{depth: number, part: number, name: string, label: string, start: number, bits: number, shown: string, meaning: string, kids: boolean}} Field */
/** @typedef {{title: string, fields: Field[], parts: [string, number][], links: [string, number, number, string][], more: number, data: Map<number, Uint8Array>[], asked: Set<string>, why: [string, string][], where: Scope & {index: number}}} Item */
/** @typedef {{kind: string, flow: number, shown: string}} Scope */

/** Rows asked for at once; bytes asked for at once. */
export const ROWS = 100, PIECE = 4096;
/** Milliseconds on a field before its reason is asked for. */
const RESTS = 200;
/** Bytes of a file that go at once, and that a file may have. */
const FILE = 1 << 20, LARGEST = 64 << 20;
const LISTS = { packets: "Packets", messages: "Messages", records: "TLS" };
const EMPTY = {
  packets: "There are no packets here.", messages: "There are no messages here: no HTTP, no DNS, no WebSocket in a TCP connection.",
  records: "There is no TLS here.",
};
const HEADS = ["No.", "Time (ms)", "↔", "From → to", "Protocol", "Bytes", "What it says"];

/** All packets. @type {Scope} */
const ALL = { kind: "packets", flow: -1, shown: "" };

/** Which rows a scrolled window shows, and a few more. @param {number} top @param {number} height @param {number} row @param {number} count */
export function inView(top, height, row, count) {
  return [within(0, Math.floor(top / row) - 3, count), within(0, Math.ceil((top + height) / row) + 3, count)];
}

/** A field as a page keeps it. @param {any[]} f @returns {Field} */
const asField = ([depth, part, name, label, start, bits, shown, meaning]) =>
  ({ depth, part, name, label, start, bits, shown, meaning, kids: false });

/** The fields of an item, each knowing whether it has parts. @param {any[][]} told */
export function asFields(told) {
  const fields = told.map(asField);
  fields.forEach((field, i) => { field.kids = fields[i + 1]?.depth > field.depth; });
  return fields;
}

/** What the kernel tells of a packet, a message or a record. @param {any} told @param {Uint8Array[]} pieces the first bytes of each part @param {Item["where"]} where @returns {Item} */
const asItem = ({ title, fields, parts, links, more }, pieces, where) =>
  ({ title, fields: asFields(fields), parts, links, more, data: pieces.map((each) => new Map([[0, each]])), asked: new Set(), why: [], where });

/**
 * What comes with the view: rows as words, and the first packet; a NUL is between them. @param {Uint8Array} all
 * @returns {[string, Item | null]}
 */
export function headOf(all) {
  const end = all.indexOf(0);
  if (end < 0) return [text(all), null];
  const next = all.indexOf(0, end + 1), told = JSON.parse(text(all.subarray(end + 1, next)));
  let first = next + 1;
  const pieces = told.parts.map((/** @type {[string, number]} */ [, size]) => all.subarray(first, (first += Math.min(size, PIECE))));
  return [text(all.subarray(0, end)), asItem(told, pieces, { ...ALL, index: 0 })];
}

/** The fields without parts that have bits of this byte, in order. @param {Field[]} fields @param {number} part @param {number} byte */
export function fieldsAt(fields, part, byte) {
  const found = [];
  for (let i = 0; i < fields.length; i++) {
    const f = fields[i];
    if (!f.kids && f.part === part && f.start < byte * 8 + 8 && f.start + f.bits > byte * 8) found.push(i);
  }
  return found;
}

/** The rows of the tree that are shown, given what is folded. @param {Field[]} fields @param {Set<number>} folded */
export function unfolded(fields, folded) {
  const rows = [];
  let hide = Infinity;
  for (let i = 0; i < fields.length; i++) {
    if (fields[i].depth > hide) continue;
    hide = folded.has(i) ? fields[i].depth : Infinity;
    rows.push(i);
  }
  return rows;
}

/** The bits of a field in one byte, counted from the left: [first, one after the last]. @param {{start: number, bits: number}} f @param {number} byte */
export const bitsIn = (f, byte) => [within(0, f.start - byte * 8, 8), within(0, f.start + f.bits - byte * 8, 8)];

/** The place of a field in words. @param {{start: number, bits: number}} f */
export function place(f) {
  const first = f.start >> 3, last = (f.start + f.bits - 1) >> 3;
  if (!f.bits) return "no bits";
  const bytes = first === last ? `byte ${first}` : `bytes ${first}–${last}`;
  if (f.start % 8 === 0 && f.bits % 8 === 0) return bytes;
  const a = f.start & 7, b = (f.start + f.bits - 1) & 7;
  return first === last ? `${bytes}, ${a === b ? `bit ${a}` : `bits ${a}–${b}`} of 0–7` : `${bytes}, ${f.bits} bits`;
}

/** A byte as a character, a dot if it is none that can be seen. @param {number} byte */
export const letter = (byte) => (byte > 32 && byte < 127 ? String.fromCharCode(byte) : byte === 32 ? " " : "·");

/**
 * Rows of one height in a box that scrolls; only those in sight are in the page. The box has the focus, and names the
 * row that is active. @param {HTMLElement} box @param {(i: number) => HTMLElement} draw @param {string} role of what holds the rows
 */
function rowsOf(box, draw, role, head = 0) {
  const space = make("div", { class: "lk-space", role });
  /** @type {Map<number, HTMLElement>} */ const drawn = new Map();
  let count = 0, height = 22;
  box.append(space);
  const self = {
    keep: -1, // the active row: it stays in the page, since the box names it
    /** @type {Map<number, HTMLElement>} */ drawn,
    /** Show this many rows, all drawn anew. @param {number} n */
    set(n) {
      count = n;
      height = Math.round(parseFloat(getComputedStyle(box).fontSize) * 1.7) || 22;
      space.style.height = `${n * height}px`;
      drawn.clear(); self.keep = -1;
      space.replaceChildren();
      self.draw();
    },
    /** Draw what is in sight; all anew if the type is another one: before a view is in the page, its size is not known. */
    fit() {
      if (Math.round(parseFloat(getComputedStyle(box).fontSize) * 1.7) === height) { self.draw(); return; }
      const keep = self.keep;
      self.set(count);
      if (keep >= 0) self.see(keep, true);
    },
    draw() {
      const [first, last] = inView(box.scrollTop, box.clientHeight || 240, height, count);
      for (const [i, row] of drawn) if ((i < first || i >= last) && i !== self.keep) { row.remove(); drawn.delete(i); }
      for (let i = last - 1; i >= first; i--) if (!drawn.has(i)) self.again(i);
    },
    /** Draw one row anew. @param {number} i */
    again(i) {
      const row = draw(i), old = drawn.get(i);
      row.style.top = `${i * height}px`;
      row.style.height = `${height}px`;
      drawn.set(i, row);
      if (old) old.replaceWith(row); // else in its order, for who hears them read
      else space.insertBefore(row, drawn.get(i + 1) || (self.keep > i && drawn.get(self.keep)) || null);
    },
    /** Scroll as far as needed to see a row. @param {number} i @param {boolean} [keep] it is the active one: it stays */
    see(i, keep) {
      const y = i * height, room = box.clientHeight - head * height;
      if (keep) self.keep = i;
      if (y < box.scrollTop) box.scrollTop = y;
      else if (y + height > box.scrollTop + room) box.scrollTop = y + height - room;
      self.draw();
    },
    get page() { return Math.max(1, Math.floor(box.clientHeight / height) - 1 - head); },
  };
  box.addEventListener("scroll", self.draw, { passive: true });
  return self;
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const { root, line, say } = frame(model, el, "inspector", "Inspector of a capture");
  // After a complaint, the answer that did not come is waited for no longer: what is chosen next is asked for.
  const kernel = talk(model, () => {}, (words) => { if (words) busy = false; say(words); }), id = unique();
  /** @type {Scope} */ let scope = ALL;
  /** @type {Map<number, string[]>} */ const known = new Map();
  let count = 0, at = -1, aim = 0, round = 0, busy = false, narrowed = "";
  /** @type {Map<string, Item>} */ const kept = new Map();
  /** @type {Item | null} */ let item = null;
  /** @type {number[]} */ let shown = [];
  const folded = new Set(), asked = new Set();
  let part = 0, chosen = -1, lit = -1, byte = 0, wide = 16;
  /** @type {any} */ let later; // who goes on by key does not read reasons, and should not wait for them

  // ---- the bar
  const bar = make("div", { class: "lk-bar" });
  const kinds = make("div", { role: "group", "aria-label": "What is listed", class: "lk-i-kinds" });
  for (const [kind, name] of Object.entries(LISTS)) {
    const button = make("button", { type: "button", "aria-pressed": "false" }, name);
    button.dataset.kind = kind;
    button.addEventListener("click", () => go({ ...scope, kind }, 0));
    kinds.append(button);
  }
  const narrow = make("button", { type: "button" }, "Follow this connection");
  narrow.addEventListener("click", narrowing);
  const save = make("button", { type: "button" }, "Download pcapng");
  save.addEventListener("click", () => offer());
  const input = /** @type {HTMLInputElement} */ (make("input", { type: "file", accept: ".pcapng,.pcap,.cap,.gz", hidden: "", "aria-label": "A capture file" }));
  input.addEventListener("change", () => { if (input.files?.[0]) send(input.files[0]); input.value = ""; });
  const open = make("button", { type: "button" }, "Open a file…");
  open.addEventListener("click", () => input.click());
  const counted = make("span", { class: "lk-quiet lk-i-count", role: "status" });
  let closed = Boolean(model.get("state").folded); // the list alone, until a packet is chosen
  const opener = make("button", { type: "button", class: "lk-i-more" });
  opener.hidden = !closed;
  opener.addEventListener("click", () => unfold(closed));
  bar.append(opener, kinds, narrow, save, open, input, counted);
  const filter = make("form", { class: "lk-bar" }), name = `${id}-filter`;
  const wanted = /** @type {HTMLInputElement} */ (make("input", { id: name, class: "lk-mono lk-i-filter", maxlength: "1000", spellcheck: "false", autocomplete: "off", placeholder: "tcp.flags.syn == 1 && tcp.port == 8124" }));
  const apply = make("button", { type: "submit" }, "Apply"), clear = make("button", { type: "button" }, "Clear");
  const wrong = make("div", { role: "alert", class: "lk-i-wrong", id: `${name}-wrong` });
  filter.append(make("label", { for: name }, "Display filter"), wanted, apply, clear, wrong);
  filter.addEventListener("submit", (event) => { event.preventDefault(); narrowBy(wanted.value.trim()); });
  wanted.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.shiftKey || event.ctrlKey) return; // those run the cell
    event.preventDefault();
    narrowBy(wanted.value.trim());
  });
  clear.addEventListener("click", () => { wanted.value = ""; narrowBy(""); wanted.focus(); });
  const question = make("div", { class: "lk-bar", role: "group", "aria-label": "Download pcapng" });
  question.hidden = true;

  // ---- the list
  const list = make("div", { class: "lk-i-list", role: "grid", tabindex: "0", "aria-label": "Packets" });
  const heads = make("div", { class: "lk-i-row lk-i-heads", role: "row" });
  for (const each of HEADS) heads.append(make("span", { role: "columnheader", ...(each === "↔" && { "aria-label": "way" }) }, each));
  const top = make("div", { role: "rowgroup", class: "lk-i-top" });
  top.append(heads);
  list.append(top);
  const rows = rowsOf(list, drawRow, "rowgroup", 1);
  const links = make("div", { class: "lk-i-links" });

  // ---- fields, bytes, and what is said of the chosen field
  const tree = make("div", { class: "lk-i-tree", role: "tree", tabindex: "0", "aria-label": "Fields", "aria-describedby": `${id}-title` });
  const leaves = rowsOf(tree, drawField, "presentation");
  const bytes = make("div", { class: "lk-i-bytes lk-mono", role: "grid", tabindex: "0", "aria-label": "Bytes" });
  const lines = rowsOf(bytes, drawLine, "rowgroup");
  const parts = make("div", { class: "lk-i-parts", role: "group", "aria-label": "Which bytes" });
  const right = make("div", { class: "lk-i-right" });
  right.append(parts, bytes);
  const under = make("div", { class: "lk-i-under" });
  under.append(tree, right);
  const detail = make("div", { class: "lk-i-detail", tabindex: "0", role: "group", "aria-label": "The chosen field" });
  root.append(bar, filter, question, list, links, under, detail, line);

  // ---- the list: rows come a hundred at a time
  const large = root.classList.contains("lk-large"); // what it says has no room for the bytes themselves
  /** @param {number} i */
  function drawRow(i) {
    const words = known.get(i);
    if (!words) want(Math.floor(i / ROWS));
    const row = make("div", { class: "lk-i-row", role: "row", id: `${id}-r${i}`, "aria-rowindex": String(i + 2), "aria-selected": String(i === at) });
    row.dataset.i = String(i);
    for (const each of words || [String(i + 1), "", "", "", "", "", "…"]) row.append(make("span", { role: "gridcell" }, large ? each.replace(/ “.*$/, "") : each));
    if (words) row.classList.add(words[2] === "→" ? "lk-i-client" : "lk-i-server");
    return row;
  }
  /** Ask for a page of rows, once. @param {number} page */
  async function want(page) {
    if (asked.has(page)) return;
    asked.add(page);
    const mine = round;
    try {
      const { message, buffers } = await kernel.ask("rows", { ...scope, first: page * ROWS, last: page * ROWS + ROWS });
      if (mine === round) take(message.first, text(buffers[0]), message.count);
    } catch (error) { asked.delete(page); fault(error); }
  }
  /** Rows that have come. @param {number} first @param {string} words @param {number} n of the whole list */
  function take(first, words, n) {
    if (words) words.split("\n").forEach((each, k) => known.set(first + k, each.split("\t")));
    if (n !== count) sized(n);
    else for (const [i, row] of rows.drawn) if (known.has(i) && !/lk-i-(client|server)/.test(row.className)) rows.again(i);
  }
  /** @param {number} n */
  function sized(n) {
    count = n;
    list.setAttribute("aria-rowcount", String(n + 1));
    const noun = { packets: "packet", messages: "message", records: "row" }[scope.kind];
    const origin = scope.flow < 0 ? model.get("state").origin : narrowed;
    counted.textContent = n ? `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}${origin && `, ${origin}`}` : EMPTY[/** @type {"packets"} */ (scope.kind)];
    rows.set(n);
    if (n && at < 0) choose(within(0, aim, n - 1));
    else if (!n) show(null);
  }
  /** Begin another list, of which nothing is known. @param {Scope} next @param {number} index of what is to be chosen */
  function begin(next, index = 0) {
    if (!next.shown && wanted.value === scope.shown) wanted.value = ""; // not what somebody is typing
    scope = next; aim = index; round += 1; count = -1; at = -1;
    known.clear(); asked.clear(); kept.clear();
    list.removeAttribute("aria-activedescendant");
    list.scrollTop = 0;
    list.setAttribute("aria-label", LISTS[/** @type {"packets"} */ (scope.kind)]);
    for (const button of kinds.children) button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.kind === scope.kind));
    narrow.textContent = scope.flow >= 0 ? "Show all connections" : "Follow this connection";
  }
  /** Show another list. @param {Scope} next @param {number} index */
  function go(next, index) {
    begin(next, index);
    return want(Math.floor(index / ROWS));
  }
  /** Narrow the lists to the connection of what is chosen, or show all again; what is chosen stays. */
  async function narrowing() {
    const packet = scope.kind === "packets" ? Number(known.get(at)?.[0]) : item?.links.find(([kind]) => kind === "packets")?.[1];
    if (!packet) return;
    try {
      let flow = -1;
      if (scope.flow < 0) {
        const { message } = await kernel.ask("follow", { packet });
        flow = message.flow; narrowed = message.words || "";
      }
      if (scope.kind === "packets") await jump("packets", packet, 0, flow);
      else await go({ ...scope, flow }, 0);
    } catch (error) { fault(error); }
  }
  /** Show what a display filter lets through, or where it is wrong. @param {string} text */
  async function narrowBy(text) {
    try {
      const { message } = await kernel.ask("filter", { text });
      const { place, fault: what, todo } = message, bad = place >= 0;
      wanted.setAttribute("aria-invalid", String(bad));
      wrong.replaceChildren();
      if (!bad) { await go({ ...scope, shown: text }, 0); return; }
      const line = make("code");
      line.append(text.slice(0, place), make("mark", { class: "lk-lit" }, text.slice(place, place + 1) || " "), text.slice(place + 1));
      wrong.append(line, make("span", { class: "lk-bad" }, `${what}. ${todo}`));
      wanted.focus();
      wanted.setSelectionRange(place, place + 1);
    } catch (error) { fault(error); }
  }
  /** @param {number} to */
  function choose(to) {
    at = to;
    say("");
    rows.see(to, true);
    // All rows in sight: those of the list before stay until the kernel has answered, and one of them may be marked.
    for (const [i, row] of rows.drawn) row.setAttribute("aria-selected", String(i === at));
    list.setAttribute("aria-activedescendant", `${id}-r${to}`);
    get();
  }
  /** Show all of the inspector, or the list alone. @param {boolean} whole */
  function unfold(whole) {
    closed = !whole;
    root.classList.toggle("lk-i-closed", closed);
    opener.textContent = closed ? "Show fields and bytes" : "Show the list alone";
    opener.setAttribute("aria-expanded", String(!closed));
    if (at < 0) return;
    rows.see(at, true);
    if (!closed) get();
  }
  /** Get what is chosen; one question at a time, so a key that is held asks no more than the kernel answers. */
  async function get() {
    const have = kept.get(String(at));
    if (closed) return;
    if (have) { show(have); return; }
    if (busy) return;
    busy = true;
    const index = at, mine = round, where = { ...scope, index };
    try {
      const { message, buffers } = await kernel.ask("item", where);
      if (mine === round) {
        kept.set(String(index), asItem(message, buffers.map(bytesOf), where));
        if (kept.size > 60) kept.delete(/** @type {string} */ (kept.keys().next().value));
      }
    } catch (error) { if (mine === round && index === at) { show(null); fault(error); } busy = false; return; }
    busy = false;
    if (at >= 0) get();
  }
  /** @param {unknown} error */
  function fault(error) { say(error instanceof Error ? error.message : String(error)); }

  list.addEventListener("click", (event) => {
    const row = target(event, ".lk-i-row[data-i]");
    if (row) choose(Number(row.dataset.i));
    if (row && closed) unfold(true);
  });
  list.addEventListener("keydown", (event) => {
    const opens = closed && (event.key === "Enter" || event.key === " ") && !event.shiftKey && !event.ctrlKey;
    const to = opens ? at : step(event.key, at, count, rows.page);
    if (to === undefined || count < 1) return;
    event.preventDefault();
    choose(to);
    if (closed) unfold(true);
  });

  // ---- files: to the reader, and from the reader
  /** Ask whether the keys go with the packets, if there are keys. */
  async function offer() {
    try {
      const { message } = await kernel.ask("secrets", { flow: scope.flow, shown: scope.shown });
      if (!message.count) { download(false); return; }
      question.replaceChildren(make("span", {}, `This capture has ${message.count} ${message.count === 1 ? "key" : "keys"} of its TLS connections. Whoever gets them can read what was encrypted.`));
      for (const [words, act] of /** @type {[string, () => void][]} */ ([
        ["Leave the keys out", () => download(false)], ["Put the keys in", () => download(true)], ["Cancel", () => {}]])) {
        const button = make("button", { type: "button" }, words);
        button.addEventListener("click", () => { answered(); act(); });
        question.append(button);
      }
      question.hidden = false;
      /** @type {HTMLElement} */ (question.children[1]).focus();
    } catch (error) { fault(error); }
  }
  function answered() { question.hidden = true; save.focus(); }
  question.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.preventDefault(); answered(); } });
  /** @param {boolean} secrets */
  async function download(secrets) {
    /** @type {Uint8Array<ArrayBuffer>[]} */ const pieces = [];
    const { flow, shown } = scope;
    try {
      for (let first = 0, size = 1; first < size; first += pieces[pieces.length - 1].length || size) {
        const { message, buffers } = await kernel.ask("save", { flow, shown, secrets, first });
        size = message.size;
        pieces.push(new Uint8Array(bytesOf(buffers[0])));
        say(size > FILE ? `Downloading: ${Math.floor((100 * first) / size)} %` : "");
      }
      const url = URL.createObjectURL(new Blob(pieces, { type: "application/vnd.tcpdump.pcap" }));
      const link = /** @type {HTMLAnchorElement} */ (make("a", { href: url, download: "capture.pcapng" }));
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60000);
      say(secrets ? "capture.pcapng, with the keys." : "capture.pcapng");
    } catch (error) { fault(error); }
  }
  /** Give the kernel a file in pieces; it says what is wrong with it. @param {File} file */
  async function send(file) {
    const { name, size } = file;
    try {
      for (let first = 0; first < size || !first; first += FILE) {
        if (size > FILE) say(`Reading ${name}: ${Math.floor((100 * first) / size)} %`);
        const content = size > LARGEST ? new ArrayBuffer(0) : await file.slice(first, first + FILE).arrayBuffer();
        await kernel.ask("file", { name: name.slice(0, 200), size, first }, [content]);
      }
      say(`${name} is open.`);
    } catch (error) { fault(error); }
  }
  root.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    root.classList.add("lk-i-drop");
  });
  root.addEventListener("dragleave", () => root.classList.remove("lk-i-drop"));
  root.addEventListener("drop", (event) => {
    root.classList.remove("lk-i-drop");
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    send(file);
  });

  // ---- one item
  /** @param {Item | null} next */
  function show(next) {
    if (next && next === item) return;
    const name = item?.fields[chosen]?.name, keep = next && name ? next.fields.findIndex((f) => f.name === name) : -1;
    item = next;
    folded.clear();
    part = 0; byte = 0; lit = -1; chosen = -1;
    links.replaceChildren();
    if (item) {
      links.append(make("b", { id: `${id}-title` }, item.title));
      if (item.links.length) links.append(make("span", { class: "lk-quiet" }, scope.kind === "packets" ? "brings" : "came in"));
      for (const [kind, packet, where, words] of item.links) {
        const button = make("button", { type: "button" }, words);
        button.addEventListener("click", () => jump(kind, packet, where).then(() => list.focus(), fault));
        links.append(button);
      }
      if (item.more) links.append(make("span", { class: "lk-quiet" }, `and ${item.more} more`));
    }
    parts.hidden = !item || item.parts.length < 2;
    parts.replaceChildren(...(item?.parts || []).map(([title], i) => {
      const button = make("button", { type: "button", "aria-pressed": String(i === part) }, title);
      button.addEventListener("click", () => { setPart(i); pick(item ? item.fields.findIndex((f) => f.part === i) : -1); });
      return button;
    }));
    shown = item ? unfolded(item.fields, folded) : [];
    tree.scrollTop = bytes.scrollTop = 0;
    leaves.set(shown.length);
    lines.set(rowCount());
    pick(keep >= 0 ? keep : item?.fields.length ? 0 : -1);
  }
  /** Go to what a link names, in its own list. @param {string} kind @param {number} packet @param {number} where */
  async function jump(kind, packet, where, flow = scope.flow) {
    const { message } = await kernel.ask("find", { kind, flow, shown: scope.shown, packet, place: where });
    await go({ kind, flow: message.flow, shown: message.shown }, message.index);
  }
  const rowCount = () => (item ? Math.ceil((item.parts[part]?.[1] || 0) / wide) : 0);
  /** @param {number} next */
  function setPart(next) {
    if (next === part) return;
    part = next; byte = 0;
    [...parts.children].forEach((each, i) => each.setAttribute("aria-pressed", String(i === part)));
    bytes.scrollTop = 0;
    lines.set(rowCount());
  }

  // ---- the tree
  const typed = typing();
  /** @param {number} n */
  function drawField(n) {
    const i = shown[n], f = /** @type {Item} */ (item).fields[i];
    const leaf = make("div", { class: "lk-i-field", role: "treeitem", id: `${id}-f${i}`, "aria-level": String(f.depth + 1), "aria-selected": String(i === chosen) });
    if (f.kids) leaf.setAttribute("aria-expanded", String(!folded.has(i)));
    leaf.dataset.i = String(i);
    leaf.style.paddingLeft = `${f.depth * 1.1 + 0.4}em`;
    leaf.append(make("span", { class: "lk-i-fold", "aria-hidden": "true" }, f.kids ? (folded.has(i) ? "▸" : "▾") : ""));
    leaf.append(make(f.depth ? "span" : "b", {}, f.label), make("code", {}, f.shown), make("span", { class: "lk-quiet" }, f.meaning));
    if (i === lit) leaf.classList.add("lk-lit");
    return leaf;
  }
  /** @param {number} i */
  function fold(i, shut = !folded.has(i)) {
    if (!item?.fields[i].kids || folded.has(i) === shut) return;
    if (shut) folded.add(i); else folded.delete(i);
    shown = unfolded(item.fields, folded);
    leaves.set(shown.length);
    pick(shown.includes(chosen) ? chosen : i);
  }
  /** Light a field, its row and its bytes. @param {number} i */
  function light(i) {
    if (i === lit) return;
    const old = lit;
    lit = i;
    for (const each of [old, i]) leaves.drawn.get(shown.indexOf(each))?.classList.toggle("lk-lit", each === lit);
    const f = item?.fields[i];
    if (f && f.part !== part) setPart(f.part);
    for (const row of lines.drawn.values()) for (const cell of row.children) mark(/** @type {HTMLElement} */ (cell));
    tell(i);
  }
  /** Choose a field: it stays lit. @param {number} i @param {boolean} [byByte] the bytes are where they should be */
  function pick(i, byByte = false) {
    const old = chosen, f = item?.fields[i];
    chosen = i;
    for (const each of [old, i]) leaves.drawn.get(shown.indexOf(each))?.setAttribute("aria-selected", String(each === chosen));
    if (f) {
      tree.setAttribute("aria-activedescendant", `${id}-f${i}`);
      if (!shown.includes(i)) { folded.clear(); shown = unfolded(/** @type {Item} */ (item).fields, folded); leaves.set(shown.length); }
      leaves.see(shown.indexOf(i), true);
      light(i);
      if (!byByte) move(f.start >> 3);
    } else {
      for (const pane of [tree, bytes]) pane.removeAttribute("aria-activedescendant");
      light(-1);
      tell(-1);
    }
  }
  tree.addEventListener("click", (event) => {
    const leaf = target(event, ".lk-i-field");
    if (!leaf) return;
    const i = Number(leaf.dataset.i);
    if (target(event, ".lk-i-fold")) fold(i);
    pick(i);
  });
  tree.addEventListener("keydown", (event) => {
    if (!item?.fields.length) return;
    const n = shown.indexOf(chosen), f = item.fields[chosen];
    let to = step(event.key, n, shown.length, leaves.page) ?? typed(event, shown.map((i) => /** @type {Item} */ (item).fields[i].label), n);
    if (event.key === "ArrowRight" && f) { if (folded.has(chosen)) fold(chosen, false); else if (f.kids) to = n + 1; }
    else if (event.key === "ArrowLeft" && f) {
      if (f.kids && !folded.has(chosen)) fold(chosen, true);
      else for (let k = n; k >= 0; k--) if (item.fields[shown[k]].depth < f.depth) { to = k; break; }
    } else if (to === undefined) return;
    event.preventDefault();
    if (to !== undefined) pick(shown[to]);
  });

  // ---- the bytes
  /** @param {number} k */
  function byteAt(k) {
    const from = k - (k % PIECE), piece = item?.data[part]?.get(from);
    if (!piece) more(from);
    return piece?.[k - from];
  }
  /** Ask for bytes that have not come yet. @param {number} first */
  async function more(first) {
    const mine = item, its = part, key = `${part} ${first}`;
    if (!mine || mine.asked.has(key)) return;
    mine.asked.add(key);
    try {
      const { buffers } = await kernel.ask("bytes", { ...mine.where, part: its, first });
      mine.data[its].set(first, bytesOf(buffers[0]));
      if (mine === item && its === part) for (const n of [...lines.drawn.keys()]) if (n * wide >= first && n * wide < first + PIECE) lines.again(n);
    } catch (error) { fault(error); }
  }
  /** @param {number} n */
  function drawLine(n) {
    const size = item?.parts[part][1] || 0, row = make("div", { class: "lk-i-line", role: "row", "aria-rowindex": String(n + 1) });
    row.append(make("span", { role: "rowheader", class: "lk-quiet lk-i-at" }, (n * wide).toString(16).padStart(4, "0")));
    let seen = "";
    for (let k = n * wide; k < n * wide + wide; k++) {
      const value = k < size ? byteAt(k) : undefined;
      const cell = make("span", { role: "gridcell", class: "lk-i-byte", id: `${id}-b${k}` }, k >= size ? "" : value === undefined ? "··" : hex(value));
      if (k < size) cell.dataset.k = String(k);
      seen += value === undefined ? " " : letter(value);
      mark(cell);
      row.append(cell);
    }
    row.append(make("span", { role: "gridcell", class: "lk-i-seen" }, seen));
    return row;
  }
  /** Show whether a byte is lit, which of its bits, and whether the keys are on it. @param {HTMLElement} cell */
  function mark(cell) {
    if (cell.dataset.k === undefined) return;
    const k = Number(cell.dataset.k), f = item?.fields[lit], [a, b] = f && f.part === part ? bitsIn(f, k) : [0, 0];
    const now = `lk-i-byte${b > a ? (b - a < 8 ? " lk-i-some" : " lk-lit") : ""}${k === byte ? " lk-i-here" : ""}`;
    if (cell.className !== now) cell.className = now;
    if (b > a && b - a < 8) { cell.style.setProperty("--a", `${a * 12.5}%`); cell.style.setProperty("--b", `${b * 12.5}%`); }
  }
  /** Put the keys on a byte. @param {number} k */
  function move(k) {
    const size = item?.parts[part]?.[1] || 0;
    byte = within(0, k, Math.max(0, size - 1));
    lines.see(Math.floor(byte / wide), true);
    for (const row of lines.drawn.values()) for (const cell of row.children) mark(/** @type {HTMLElement} */ (cell));
    if (size) bytes.setAttribute("aria-activedescendant", `${id}-b${byte}`);
    else bytes.removeAttribute("aria-activedescendant");
  }
  /** Choose a field of a byte: the first one, or the next if one of them is chosen. @param {number} k @param {boolean} next */
  function pickByte(k, next) {
    if (!item) return;
    const found = fieldsAt(item.fields, part, k), now = found.indexOf(chosen);
    move(k);
    if (found.length && (next || now < 0)) pick(found[(now + 1) % found.length], true);
  }
  bytes.addEventListener("click", (event) => {
    const cell = target(event, ".lk-i-byte[data-k]");
    if (cell) pickByte(Number(cell.dataset.k), true);
  });
  bytes.addEventListener("keydown", (event) => {
    if (!item) return;
    const size = item.parts[part][1], page = lines.page * wide;
    const to = { ArrowRight: byte + 1, ArrowLeft: byte - 1, ArrowDown: byte + wide, ArrowUp: byte - wide, PageDown: byte + page,
      PageUp: byte - page, Home: event.ctrlKey ? 0 : byte - (byte % wide), End: event.ctrlKey ? size - 1 : byte - (byte % wide) + wide - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") pickByte(byte, true);
    else if (to === undefined) return;
    else if (to >= 0 && (to < size || event.key === "End")) pickByte(Math.min(to, size - 1), false);
    event.preventDefault();
  });

  // ---- the pointer lights what it is on; what is chosen is lit again when it leaves
  tree.addEventListener("pointerover", (event) => {
    const leaf = target(event, ".lk-i-field");
    if (!leaf) return;
    light(Number(leaf.dataset.i));
    if (item) lines.see(Math.floor((item.fields[lit].start >> 3) / wide));
  });
  bytes.addEventListener("pointerover", (event) => {
    const cell = target(event, ".lk-i-byte[data-k]");
    if (!cell || !item) return;
    const found = fieldsAt(item.fields, part, Number(cell.dataset.k));
    if (!found.length) return;
    light(found.includes(chosen) ? chosen : found[0]);
    if (shown.includes(lit)) leaves.see(shown.indexOf(lit));
  });
  for (const pane of [tree, bytes]) pane.addEventListener("pointerleave", () => light(chosen));

  // ---- what is said of the field
  /** @param {number} i */
  function tell(i) {
    const f = item?.fields[i];
    detail.replaceChildren();
    if (!item || !f) return;
    const first = make("div"), where = `${f.name}${f.name && f.bits ? ", " : ""}${f.bits ? place(f) : ""}`;
    first.append(make("b", {}, f.label), make("code", {}, f.shown), make("span", {}, f.meaning), make("span", { class: "lk-quiet" }, where));
    detail.append(first);
    if (f.bits && f.depth) detail.append(bits(f));
    const [reason, rfc] = item.why[i] || ["", ""];
    if (reason || rfc) {
      const why = make("div", { class: "lk-i-why" });
      why.append(make("span", {}, reason), make("span", { class: "lk-quiet" }, rfc));
      detail.append(why);
    }
    clearTimeout(later);
    const mine = item;
    if (!mine.asked.has("why")) later = setTimeout(() => { if (mine === item) reasons(mine); }, RESTS);
  }
  /** Ask once why the fields of what is shown are there. @param {Item} mine */
  async function reasons(mine) {
    if (mine.asked.has("why")) return;
    mine.asked.add("why");
    try {
      mine.why = (await kernel.ask("why", mine.where)).message.why;
      if (mine === item) tell(lit);
    } catch (error) { mine.asked.delete("why"); fault(error); }
  }
  /** The bits of a field, in their bytes. @param {Field} f */
  function bits(f) {
    const row = make("div", { class: "lk-mono lk-i-bits" }), from = f.start >> 3, to = Math.min((f.start + f.bits + 7) >> 3, from + 8);
    for (let k = from; k < to; k++) {
      const value = byteAt(k), [a, b] = bitsIn(f, k);
      const digits = value === undefined ? "········" : value.toString(2).padStart(8, "0");
      const group = make("span", { class: "lk-i-octet" });
      group.append(make("span", { class: "lk-quiet" }, digits.slice(0, a)), make("span", { class: "lk-lit" }, digits.slice(a, b)), make("span", { class: "lk-quiet" }, digits.slice(b)));
      row.append(group);
    }
    if ((f.start + f.bits) / 8 > to) row.append(make("span", { class: "lk-quiet" }, "…"));
    return row;
  }

  // ---- how much room there is
  const sizes = new ResizeObserver(() => {
    const width = root.clientWidth / parseFloat(getComputedStyle(root).fontSize);
    root.classList.toggle("lk-i-narrow", width < 80);
    root.classList.toggle("lk-i-small", width < 36);
    const fits = width < 48 ? 8 : 16;
    if (fits !== wide) { wide = fits; bytes.classList.toggle("lk-i-eight", wide === 8); lines.set(rowCount()); move(byte); }
    rows.fit(); leaves.fit(); lines.fit();
  });
  sizes.observe(root);
  if (closed) unfold(false);

  const stop = follow(model, "state", () => {
    const state = model.get("state");
    wrong.replaceChildren();
    begin(ALL);
    const [words, first] = headOf(bytesOf(model.get("data")));
    if (first) kept.set("0", first);
    take(0, words, state.count);
  });
  return () => { stop(); clearTimeout(later); sizes.disconnect(); kernel.stop(); };
}

/** @param {Event} event @param {string} selector @returns {HTMLElement | null} */
const target = (event, selector) => /** @type {HTMLElement} */ (event.target).closest(selector);

export default { render };
