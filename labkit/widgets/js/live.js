// A ladder that grows: the newest packets of a capture, the rows in sight alone in the page.
// Rule: the kernel sends batches, and is told what was drawn; so it sends less to a page that nobody looks at.
// @ts-check
import { follow, frame, make, talk, text, within } from "./shared.js";

/** A row: what labkit/draw/live_rows.py writes. @typedef {string[]} Row */
export const NUMBER = 0, MS = 1, RIGHT = 2, BETWEEN = 3, WHAT = 4, SIZE = 5, KIND = 6, NOTE = 7, TEXT = 8;

/** The height of a row, in em; the style has it too. */
const ROW = 3.1;
/** Milliseconds between two questions whether the kernel is still there. */
const PULSE = 2000;

/** The newest rows of a capture. @param {number} keep rows that are kept */
export function newest(keep) {
  /** @type {Row[]} */
  let rows = [];
  let last = 0, gone = 0, cleared = 0;
  return {
    get rows() { return rows; },
    /** The number of the newest row there was. */
    get last() { return last; },
    /** Rows that were given up so far. */
    get gone() { return gone; },
    /** Take lines of rows; those that are known already are passed over. @param {string} lines */
    add(lines) {
      if (!lines) return;
      for (const line of lines.split("\n")) {
        const row = line.split("\t"), number = Number(row[NUMBER]);
        if (number <= last) continue;
        last = number;
        rows.push(row);
      }
      const over = rows.length - keep;
      if (over > 0) { rows = rows.slice(over); gone += over; }
    },
    /** Take the lines of the whole: newer rows may be here already, since they are sent without being asked for. @param {string} lines */
    whole(lines) {
      const here = rows;
      rows = [];
      last = cleared;
      this.add([lines, ...here.map((row) => row.join("\t"))].filter(Boolean).join("\n"));
    },
    /** Give up the rows up to this number. @param {number} number */
    clear(number) {
      const before = rows.length;
      cleared = Math.max(cleared, number);
      last = Math.max(last, number);
      rows = rows.filter((row) => Number(row[NUMBER]) > number);
      gone += before - rows.length;
    },
  };
}

/** Milliseconds as a time to read. @param {string} ms */
export const time = (ms) => ms === "" ? "" : Math.abs(Number(ms)) < 1000 ? `${Number(ms).toFixed(1)} ms` : `${(Number(ms) / 1000).toFixed(3)} s`;

/** A number as it is read. @param {number} number */
export const grouped = (number) => number.toLocaleString("en");

/** What stands above a row's arrow. @param {Row} row */
export const above = (row) => row[WHAT] + (row[SIZE] === "0" ? "" : row[SIZE] === "1" ? ", 1 byte" : `, ${grouped(Number(row[SIZE]))} bytes`);

/** What stands below it. @param {Row} row */
export const below = (row) => [row[NOTE], row[TEXT]].filter(Boolean).join(" · ");

/** The conversations of these rows, in the order of their first rows. @param {Row[]} rows */
export const conversations = (rows) => [...new Set(rows.map((row) => row[BETWEEN]))];

/** Whether somebody has scrolled back. Beyond `end` nothing can stand: who stands there was pushed, and has not scrolled.
 * @param {number} top where it stands, px @param {number} before where it stood, px @param {number} end the furthest place, px */
export const scrolledBack = (top, before, end) => top < Math.min(before, end) - 0.5;

/** What there is to count. @param {number} total @param {number} shown @param {number} lost @param {number} rate a second */
export function counted(total, shown, lost, rate) {
  const parts = [total === 1 ? "1 packet" : `${grouped(total)} packets`];
  if (rate >= 1) parts.push(`${grouped(Math.round(rate))} a second`);
  if (total > shown) parts.push(`the newest ${grouped(shown)} are here`);
  if (lost) parts.push(`${grouped(lost)} lost`);
  return parts.join(", ");
}

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const { title, keep } = model.get("state");
  const { root, line, say } = frame(model, el, "live", title);
  const kept = newest(keep);
  let total = 0, lost = 0, rate = 0, measured = 0, measuredAt = performance.now();
  let chosen = "", following = true, high = 0, stood = 0, asking = false, planned = 0, gone = 0, trouble = "";
  /** @type {Row[] | undefined} */
  let frozen;
  /** @type {Row[]} */
  let shown = [];

  const pause = make("button", { type: "button", "aria-pressed": "false" }, "Pause");
  const newestButton = make("button", { type: "button", "aria-pressed": "true" }, "Follow");
  const clear = make("button", { type: "button" }, "Clear");
  const stop = make("button", { type: "button" }, "Stop");
  const select = /** @type {HTMLSelectElement} */ (make("select", { "aria-label": "Conversation" }));
  const count = make("span", { class: "lk-live-count" });
  const bar = make("div", { class: "lk-bar" });
  const heading = make("strong", {}, title);
  bar.append(heading, pause, newestButton, clear, stop, select, count);

  const log = make("div", { class: "lk-live-log", tabindex: "0", role: "region", "aria-label": "Packets, the newest last" });
  const ends = make("div", { class: "lk-live-row lk-live-ends", "aria-hidden": "true" });
  const lane = make("span", { class: "lk-live-lane" });
  lane.append(make("span", { class: "lk-live-client" }, "client"), make("span", { class: "lk-live-server" }, "server"));
  ends.append(make("span", { class: "lk-live-time" }), lane);
  const list = make("div", { class: "lk-live-list", role: "list" });
  const nothing = make("p", { class: "lk-live-nothing lk-quiet" }, "No packet yet.");
  log.append(ends, list, nothing);
  root.append(bar, log, line);

  /** The elements of the rows in sight: made once, filled again and again. @type {{item: HTMLElement, parts: HTMLElement[]}[]} */
  const pool = [];
  function another() {
    const item = make("div", { class: "lk-live-row", role: "listitem" });
    const names = ["time", "way", "above", "arrow", "below"];
    const parts = names.map((name) => make("span", { class: `lk-live-${name}` }));
    parts[3].setAttribute("aria-hidden", "true");
    const middle = make("span", { class: "lk-live-lane" });
    middle.append(...parts.slice(1));
    item.append(parts[0], middle);
    pool.push({ item, parts });
    list.append(item);
  }

  /** @param {number} place @param {number} index @param {Row} row @param {boolean} several */
  function fill(place, index, row, several) {
    if (place >= pool.length) another();
    const { item, parts } = pool[place], right = row[RIGHT] === "1";
    item.className = `lk-live-row ${right ? "lk-live-right" : "lk-live-left"}${row[KIND] ? ` lk-live-${row[KIND]}` : ""}`;
    item.style.transform = `translateY(${index * high}px)`;
    item.hidden = false;
    item.setAttribute("aria-setsize", String(shown.length));
    item.setAttribute("aria-posinset", String(index + 1));
    const words = [time(row[MS]) + (several ? `\n${row[BETWEEN]}` : ""), right ? "client to server: " : "server to client: ", above(row), "", below(row)];
    words.forEach((each, number) => { if (parts[number].textContent !== each) parts[number].textContent = each; });
  }

  function draw() {
    planned = 0;
    if (!log.clientHeight) return; // hidden: drawn when it has a size again
    const every = frozen || kept.rows, given = kept.gone - gone;
    const several = conversations(every);
    shown = chosen ? every.filter((row) => row[BETWEEN] === chosen) : every;
    offer(several);
    if (!high) high = measure();
    list.style.height = `${shown.length * high}px`;
    nothing.hidden = shown.length > 0;
    if (!frozen) gone = kept.gone;
    if (following) log.scrollTop = log.scrollHeight;
    else if (given && !frozen && !chosen) log.scrollTop -= given * high; // what is read stays where it is
    stood = log.scrollTop;
    const first = within(0, Math.floor(log.scrollTop / high) - 1, Math.max(0, shown.length - 1));
    const last = Math.min(shown.length, first + Math.ceil(log.clientHeight / high) + 2);
    for (let index = first; index < last; index++) fill(index - first, index, shown[index], several.length > 1);
    for (let place = last - first; place < pool.length; place++) pool[place].item.hidden = true;
    count.textContent = counted(total, frozen ? frozen.length : kept.rows.length, lost, rate);
    root.dataset.drawn = String(kept.last);
    drawn();
  }
  /** The height of a row, as the style has it: the size of the type decides. */
  const measure = () => ROW * parseFloat(getComputedStyle(list).fontSize);
  function plan() { if (!planned) planned = requestAnimationFrame(draw); }

  /** The conversations to choose from. @param {string[]} several */
  function offer(several) {
    const names = ["", ...several];
    select.hidden = several.length < 2 && !chosen;
    if (names.length === select.options.length && names.every((name, at) => select.options[at].value === name)) return;
    if (chosen && !names.includes(chosen)) names.push(chosen);
    select.replaceChildren(...names.map((name) => make("option", { value: name }, name || "all conversations")));
    select.value = chosen;
  }

  /** Tell the kernel what was drawn; without new packets this asks whether it is there. */
  function drawn() {
    if (asking || model.get("state").ended) return;
    asking = true;
    ask("drawn", { number: kept.last }).catch((error) => complain(error.message)).finally(() => { asking = false; });
  }
  function status() {
    const { ended } = model.get("state");
    say(trouble || ended || (frozen ? "Paused: packets still come, and are shown when you go on." : "Packets are shown as they come."));
  }
  /** @param {string} words */
  function complain(words) { trouble = words; status(); }

  /** @param {import("./shared.js").Told} message @param {DataView[]} buffers */
  function told(message, buffers) {
    if (message.tell !== "rows") return;
    kept.add(text(buffers[0]));
    numbers(message);
  }
  /** @param {Record<string, any>} message */
  function numbers(message) {
    total = Math.max(total, message.total);
    lost = Math.max(lost, message.lost);
    pace();
    plan();
  }
  function pace() {
    const now = performance.now(), passed = now - measuredAt;
    if (passed < 500) return;
    rate = ((total - measured) * 1000) / passed;
    measured = total;
    measuredAt = now;
  }

  const { ask, stop: silence } = talk(model, told, complain);
  /** @param {boolean} on */
  function setFollowing(on) {
    following = on;
    newestButton.setAttribute("aria-pressed", String(on));
    if (on) plan();
  }
  pause.addEventListener("click", () => {
    frozen = frozen ? undefined : kept.rows.slice();
    pause.setAttribute("aria-pressed", String(Boolean(frozen)));
    gone = kept.gone;
    status();
    plan();
  });
  newestButton.addEventListener("click", () => setFollowing(!following));
  clear.addEventListener("click", () => { ask("clear").catch((error) => complain(error.message)); });
  stop.addEventListener("click", () => { ask("stop").catch((error) => complain(error.message)); });
  select.addEventListener("change", () => { chosen = select.value; plan(); });
  log.addEventListener("scroll", () => {
    // The first step back is small, since a browser scrolls smoothly: how far the end is does not decide.
    const top = log.scrollTop, end = log.scrollHeight - log.clientHeight;
    if (scrolledBack(top, stood, end)) setFollowing(false);
    else if (end - top < 2) setFollowing(true);
    stood = top;
    plan();
  });

  let cleared = -1;
  const unfollow = follow(model, "state", () => {
    const state = model.get("state");
    if (state.cleared !== cleared) {
      cleared = state.cleared;
      kept.clear(cleared);
      if (frozen) frozen = [];
      gone = kept.gone;
    }
    /** @type {HTMLButtonElement} */ (stop).disabled = Boolean(state.ended);
    root.dataset.ended = String(Boolean(state.ended));
    status();
    plan();
  });
  ask("rows").then(({ message, buffers }) => { kept.whole(text(buffers[0])); numbers(message); }, (error) => complain(error.message));
  const pulse = setInterval(() => { pace(); plan(); drawn(); }, PULSE);
  const sizes = new ResizeObserver(() => { high = 0; plan(); });
  sizes.observe(log);
  return () => {
    clearInterval(pulse);
    cancelAnimationFrame(planned);
    sizes.disconnect();
    unfollow();
    silence();
  };
}
export default { render };
