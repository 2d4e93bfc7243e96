// The call on a time axis with its player: what there is to hear, who spoke when, and where it is being played.
import { callOf, clock } from "./call.mjs";
import { Chart } from "./chart.mjs";

const shown = new WeakMap();
const SKIP_S = 5, POINTS_PER_PX = 1, ZOOM = 2;

/** Show the call, or what is new of it where it is shown already. Gives what to do when it goes. */
export function show(component) {
  const root = component.parentElement;
  if (!shown.has(root)) shown.set(root, new Waterfall(root, component.data));
  const waterfall = shown.get(root);
  waterfall.update(component);
  return () => { waterfall.close(); shown.delete(root); };
}

class Waterfall {
  constructor(root, data) {
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.root = root;
    this.call = callOf(data.session_id);
    this.box = this.part("box");
    this.chart = new Chart(this.part("chart"), data.colours, () => this.#zoomed());
    this.part("sound").replaceChildren(this.call.audio);
    this.heard = new AbortController();
    for (const [kind, answer] of Object.entries({
      changed: () => this.#draw(), moved: () => this.#place(), played: () => this.#played(), sound: () => this.#sound(),
      chosen: () => this.#chosen(), failed: () => this.#say("The sound could not be played."),
    })) this.call.addEventListener(kind, answer, { signal: this.heard.signal });
    this.#buttons();
    this.chart.chart.on("click", (item) => item.seriesId === "bars" && this.#choose(this.chart.pieces[item.dataIndex]));
    this.chart.chart.getZr().on("click", (event) => this.#pointed(event));
    this.chart.chart.getZr().on("dblclick", () => this.chart.zoom(0, this.chart.duration));
    this.box.addEventListener("keydown", (event) => this.#pressed(event));
  }

  close() { this.heard.abort(); this.call.pause(); clearTimeout(this.soon); this.chart.dispose(); }

  async update({ data, setStateValue }) {
    this.tell = setStateValue;
    this.part("live").hidden = !data.running;
    try {
      await this.call.load(data.version);
      // Shown again on coming back to the page: what is known already is drawn at once.
      if (!this.chart.pieces && !this.heard.signal.aborted) this.#draw();
    } catch (fault) { this.#say(String(fault.message ?? fault)); }
  }

  #theme() {
    const style = getComputedStyle(this.box), read = (name) => style.getPropertyValue(name).trim();
    return {
      text: read("--st-text-color"), background: read("--st-background-color"), font: read("--st-font") || "sans-serif",
      faint: read("--faint"), line: read("--line"), selected: read("--selected"),
    };
  }

  #draw() {
    const timeline = this.call.timeline;
    this.chart.draw(timeline.pieces, timeline.duration_s, this.#theme());
    this.part("none").hidden = timeline.pieces.length > 0;
    for (const name of ["play", "before", "after", "rate"]) this.part(name).disabled = !timeline.audio;
    this.#place();
    this.#sound();
    // While a call runs its sound is put together only when somebody asks for it.
    if (timeline.audio && (!timeline.running || this.call.soundVersion !== null)) this.#fetchWaves();
  }

  async #fetchWaves() {
    const [from, until] = this.chart.view, margin = (until - from) / 4;
    const first = Math.max(0, from - margin), last = Math.min(this.chart.duration, until + margin);
    const points = Math.round(this.box.clientWidth * POINTS_PER_PX * (last - first) / (until - from));
    const bytes = await this.call.waves(first, last, points);
    if (bytes && !this.heard.signal.aborted) this.chart.draw_waves({ from: first, until: last, bytes });
  }

  #zoomed() {
    this.#place();
    clearTimeout(this.soon);
    if (this.call.timeline?.audio && this.chart.peaks) this.soon = setTimeout(() => this.#fetchWaves(), 120);
  }

  #place() {
    const at = this.call.at, [from, until] = this.chart.view, head = this.part("head");
    this.part("time").textContent = `${clock(at)} / ${clock(this.chart.duration ?? 0)}`;
    head.hidden = this.call.soundVersion === null || at < from || at > until;
    if (!head.hidden) head.style.transform = `translateX(${this.chart.x(at)}px)`;
    // Follows what is played, unless the reader looks elsewhere: then the position is not in sight before either.
    if (this.call.playing && at > until && at - until < 0.5) this.chart.zoom(at - (until - from) * 0.1, at + (until - from) * 0.9);
    const turn = this.#turnAt(at);
    this.part("turn").textContent = turn ? `turn ${turn.index}` : "";
  }

  #turnAt(at) { return (this.call.turns ?? []).filter((turn) => turn.from <= at + 0.2).at(-1); }

  #played() {
    const button = this.part("play"), playing = this.call.playing;
    button.dataset.state = playing ? "pause" : "play";
    button.setAttribute("aria-label", playing ? "Pause" : "Play");
    this.part("rate").textContent = `${this.call.audio.playbackRate}×`;
  }

  #sound() {
    const newer = this.call.outdated && this.call.timeline.running;
    this.part("newer").hidden = !newer;
    if (this.call.soundVersion !== null && !this.chart.peaks) this.#fetchWaves();
  }

  #chosen() {
    this.chart.mark(this.call.chosen);
    const piece = this.call.chosen;
    this.part("hear").disabled = !piece || !this.call.timeline.audio;
    if (piece) this.#say(`${piece.lane}, ${piece.label}, at ${clock(piece.start_s)}`);
  }

  #choose(piece) {
    this.call.choose(piece);
    this.tell("chosen", { lane: piece.lane, of: piece.of, which: piece.which });
  }

  #pointed(event) {
    const at = this.chart.at(event.offsetX, event.offsetY);
    if (at !== null && !event.target && this.call.timeline?.audio) this.call.seek(at);
  }

  #say(words) { this.part("said").textContent = words; }

  #buttons() {
    const steps = {
      play: () => this.call.toggle(), before: () => this.#turn(-1), after: () => this.#turn(1), hear: () => this.#hear(),
      rate: () => { const rates = [1, 1.5, 2, 0.5]; this.call.audio.playbackRate = rates[(rates.indexOf(this.call.audio.playbackRate) + 1) % 4]; },
      in: () => this.#zoom(1 / ZOOM), out: () => this.#zoom(ZOOM), all: () => this.chart.zoom(0, this.chart.duration),
      newer: () => { this.call.loadSound(); this.#fetchWaves(); },
    };
    for (const [name, step] of Object.entries(steps)) this.part(name).addEventListener("click", step);
    this.#played();
  }

  /** Play the turn that is so many away from where it stands, to its end. */
  #turn(step) {
    const turns = this.call.turns ?? [], now = turns.indexOf(this.#turnAt(this.call.at));
    const turn = turns[Math.min(Math.max(now + step, 0), turns.length - 1)];
    if (turn) this.call.play(turn.from, turn.until);
  }

  #hear() {
    const piece = this.call.chosen;
    if (piece) this.call.play(piece.start_s, Math.max(piece.end_s, piece.start_s + 1));
  }

  #zoom(factor) {
    const [from, until] = this.chart.view, at = this.call.at;
    const middle = at >= from && at <= until && this.call.soundVersion !== null ? at : (from + until) / 2;
    this.chart.zoom(middle - (middle - from) * factor, middle + (until - middle) * factor);
  }

  /** The next piece in time, for those who use the keys. */
  #step(by) {
    const pieces = this.chart.pieces ?? [], chosen = this.call.chosen;
    const now = pieces.findIndex((piece) => piece.lane === chosen?.lane && piece.which === chosen?.which);
    const [from, until] = this.chart.view, span = until - from;
    // Where none is chosen, or where the reader has gone elsewhere since, the first that is in sight.
    const inSight = now >= 0 && pieces[now].end_s >= from && pieces[now].start_s <= until;
    const first = pieces.findIndex((piece) => piece.start_s >= from);
    const piece = pieces[inSight ? Math.min(Math.max(now + by, 0), pieces.length - 1) : Math.max(first, 0)];
    if (!piece) return;
    this.#choose(piece);
    if (piece.start_s < from || piece.end_s > until) this.chart.zoom(piece.start_s - span / 4, piece.start_s + span * 0.75);
  }

  #pressed(event) {
    if (event.target !== this.box || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      " ": () => this.call.toggle(), Enter: () => this.#hear(), ArrowRight: () => this.#step(1), ArrowLeft: () => this.#step(-1),
      "[": () => this.#turn(-1), "]": () => this.#turn(1), "+": () => this.#zoom(1 / ZOOM), "-": () => this.#zoom(ZOOM),
      0: () => this.chart.zoom(0, this.chart.duration),
    };
    if (event.shiftKey && event.key.startsWith("Arrow")) this.call.seek(this.call.at + (event.key === "ArrowRight" ? SKIP_S : -SKIP_S));
    else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
