// One call in this page: its timeline, its sound, and where it is being played. The parts that show it share it, so
// that the position moves over the waterfall and through the transcript at once.

const calls = new Map();
const BEFORE_S = 0.15; // a little of what came before, so that a first syllable isn't cut

/** The call of that id; the same one for every part of the page. */
export function callOf(sessionId) {
  if (!calls.has(sessionId)) calls.set(sessionId, new Call(sessionId));
  return calls.get(sessionId);
}

/** Where an address of ours lies, also behind a proxy that puts a path in front. */
export const addressOf = (path) => new URL(path, document.baseURI);

class Call extends EventTarget {
  constructor(sessionId) {
    super();
    this.base = `./calls/${encodeURIComponent(sessionId)}/`;
    this.timeline = null; // as /timeline.json gives it
    this.soundVersion = null; // of the call, in the sound that is loaded
    this.until = null; // where playing stops by itself
    this.chosen = null; // {lane, of, which}
    this.audio = document.createElement("audio");
    this.audio.preload = "none";
    this.audio.addEventListener("play", () => this.#follow());
    for (const kind of ["play", "pause", "ended", "ratechange"]) this.audio.addEventListener(kind, () => this.#say("played"));
    this.audio.addEventListener("seeked", () => this.#say("moved"));
    this.audio.addEventListener("error", () => this.audio.src && this.#say("failed"));
  }

  get at() { return this.audio.currentTime || 0; }
  get playing() { return !this.audio.paused && !this.audio.ended; }
  get outdated() { return this.soundVersion !== null && this.soundVersion !== this.timeline?.version; }

  /** Know the call as of that version; says "changed" once it does. All parts that ask wait for the same answer. */
  load(version) {
    if (this.wanted !== version) {
      this.wanted = version;
      this.loading = this.#load().catch((fault) => { this.wanted = null; throw fault; });
    }
    return this.loading;
  }

  async #load() {
    const answer = await fetch(addressOf(`${this.base}timeline.json`));
    if (!answer.ok) throw new Error(`the timeline could not be fetched: ${answer.status}`);
    this.timeline = await answer.json();
    this.turns = turnsOf(this.timeline);
    this.#say("changed");
  }

  /** The waves between two moments in seconds, as [user, agent] alternating bytes. */
  async waves(from, until, points) {
    const query = new URLSearchParams({ from_ms: from * 1000, until_ms: until * 1000, points });
    const answer = await fetch(addressOf(`${this.base}waves?${query}`));
    return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
  }

  /** Load the sound as far as the call is recorded now. The browser takes of it what it plays. */
  loadSound() {
    if (!this.timeline || this.soundVersion === this.timeline.version) return;
    const at = this.at;
    this.soundVersion = this.timeline.version;
    this.audio.src = addressOf(`${this.base}audio.wav?version=${this.soundVersion}`).href;
    this.audio.currentTime = at;
    this.#say("sound");
  }

  /** Play from a moment on, up to another or to the end; without any from where it stands. */
  async play(from = null, until = null) {
    if (this.soundVersion === null) this.loadSound();
    if (from !== null) this.audio.currentTime = Math.max(0, from - BEFORE_S);
    this.until = until;
    try { await this.audio.play(); } catch (fault) { if (fault.name !== "AbortError") this.#say("failed"); }
  }

  pause() { this.until = null; this.audio.pause(); }

  /** Stand at the end of what was to be played: a slow browser looks at the time after it has played beyond it. */
  #stop() {
    const end = this.until;
    this.pause();
    this.audio.currentTime = end;
  }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  seek(at) {
    if (this.soundVersion === null) this.loadSound();
    this.until = null;
    this.audio.currentTime = Math.max(0, at);
    this.#say("moved");
  }

  choose(piece) { this.chosen = piece; this.#say("chosen"); }

  #follow() {
    if (!this.playing) return;
    if (this.until !== null && this.at >= this.until) this.#stop();
    this.#say("moved");
    requestAnimationFrame(() => this.#follow());
  }

  #say(kind) { this.dispatchEvent(new Event(kind)); }
}

/** From when to when each turn goes, by its index. */
function turnsOf(timeline) {
  const turns = new Map();
  for (const piece of timeline.pieces) {
    if (piece.turn_index === null || piece.lane === "interruption") continue;
    const turn = turns.get(piece.turn_index) ?? { index: piece.turn_index, from: Infinity, until: 0 };
    turn.from = Math.min(turn.from, piece.start_s);
    turn.until = Math.max(turn.until, piece.end_s);
    turns.set(piece.turn_index, turn);
  }
  return [...turns.values()].sort((a, b) => a.from - b.from);
}

/** 1:02.3, or 1:02 without the tenths. */
export function clock(seconds, tenths = true) {
  const whole = Math.floor(seconds), hours = Math.floor(whole / 3600), minutes = Math.floor((whole % 3600) / 60);
  const rest = tenths ? (seconds % 60).toFixed(1).padStart(4, "0") : String(whole % 60).padStart(2, "0");
  // 59.96 rounds to 60.0: say it as the next minute.
  if (rest.startsWith("60")) return clock(whole + 1, tenths);
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** 840 ms; from ten seconds on 12.3 s. */
export const milliseconds = (value) =>
  value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value).toLocaleString("en")} ms`;
