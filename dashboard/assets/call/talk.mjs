// The transcript: what was said where it was said, with waits, tools and interruptions; follows what is played.
import { callOf, clock, milliseconds } from "./call.mjs";

const shown = new WeakMap();
const NAMES = { user: "User", agent: "Agent", tool: "Tool", interruption: "Cut in", error: "Error" };

export function show(component) {
  const root = component.parentElement;
  if (!shown.has(root)) shown.set(root, new Talk(root, component.data));
  const talk = shown.get(root);
  talk.update(component);
  return () => { talk.close(); shown.delete(root); };
}

class Talk {
  constructor(root, data) {
    this.list = root.querySelector("ol");
    this.none = root.querySelector("p");
    this.call = callOf(data.session_id);
    this.heard = new AbortController();
    this.call.addEventListener("changed", () => this.#draw(), { signal: this.heard.signal });
    this.call.addEventListener("moved", () => this.#place(), { signal: this.heard.signal });
  }

  close() { this.heard.abort(); }

  async update({ data, setStateValue }) {
    this.tell = setStateValue;
    try { await this.call.load(data.version); } catch { return; } // the waterfall says what went wrong
    if (this.call.timeline && !this.entries) this.#draw();
  }

  #draw() {
    const talk = this.call.timeline.talk;
    const low = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    this.none.hidden = talk.length > 0;
    this.entries = talk;
    // What stands already stays: a reader's place and a chosen text are not lost once a second.
    talk.forEach((spoken, place) => {
      const text = JSON.stringify(spoken), there = this.list.children[place];
      if (there?.dataset.text === text) return;
      const made = this.#entry(spoken);
      made.dataset.text = text;
      if (there) there.replaceWith(made); else this.list.append(made);
    });
    while (this.list.children.length > talk.length) this.list.lastChild.remove();
    if (this.call.timeline.running && low) this.list.scrollTop = this.list.scrollHeight;
  }

  #entry(spoken) {
    const item = document.createElement("li"), button = document.createElement("button");
    item.className = spoken.kind;
    const head = document.createElement("span");
    head.className = "head";
    const turn = spoken.turn_index === null ? "" : ` · turn ${spoken.turn_index}`;
    head.append(strong(NAMES[spoken.kind] ?? spoken.kind), ` ${clock(spoken.at_s)}${turn}${wait(spoken)}`);
    const said = document.createElement("span");
    said.className = "said";
    said.textContent = spoken.text || `no words: ${(spoken.note ?? "unknown").replaceAll("_", " ")}`;
    button.append(head, said);
    const note = spoken.text && spoken.note && spoken.note !== spoken.text ? spoken.note : null;
    if (note) button.append(small(spoken.kind === "tool" ? `→ ${note}` : note));
    button.setAttribute("aria-label", `Play from ${clock(spoken.at_s)}: ${NAMES[spoken.kind]}: ${said.textContent}`);
    button.addEventListener("click", () => this.#chosen(spoken));
    item.append(button);
    return item;
  }

  #chosen(spoken) {
    if (this.call.timeline.audio) this.call.play(spoken.at_s);
  }

  #place() {
    if (!this.entries) return;
    const at = this.call.at + 0.05, now = this.entries.findLastIndex((spoken) => spoken.at_s <= at);
    if (now === this.now) return;
    this.list.children[this.now]?.removeAttribute("aria-current");
    this.now = now;
    const item = this.list.children[now];
    if (!item) return;
    item.setAttribute("aria-current", "true");
    if (!this.call.playing) return;
    // The list scrolls, the page does not.
    const up = item.offsetTop - this.list.offsetTop;
    if (up < this.list.scrollTop || up + item.offsetHeight > this.list.scrollTop + this.list.clientHeight)
      this.list.scrollTo({ top: up - this.list.clientHeight / 3, behavior: "smooth" });
  }
}

function wait(spoken) {
  if (spoken.latency_ms === null) return "";
  const took = milliseconds(spoken.latency_ms);
  return { agent: ` · waited ${took} (${spoken.latency_is})`, tool: ` · ${took}`, interruption: ` · yielded in ${took}` }[spoken.kind] ?? "";
}

function strong(text) { const made = document.createElement("b"); made.textContent = text; return made; }
function small(text) { const made = document.createElement("small"); made.textContent = text; return made; }
