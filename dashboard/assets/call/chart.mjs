// The waterfall as an ECharts option: lanes of pieces and the two waves, all on one time axis.
import * as echarts from "../vendor/echarts-6.1.0.esm.min.mjs";
import { clock, milliseconds } from "./call.mjs";

export const LANES = ["User", "Wait", "Tools", "Generated", "Agent heard", "Cut in", "Errors"];
const ROW = {
  "user speech": 0, endpointing: 1, wait: 1, tool: 2, generated: 3, heard: 4, interruption: 5, error: 6, gap: 6,
};
const MOMENTS = new Set(["interruption", "error", "gap"]);
const WAVES = [{ row: 0, lane: "user speech", channel: 0 }, { row: 4, lane: "heard", channel: 1 }];
const ROW_PX = 34, AXIS_PX = 26, SLIDER_PX = 34, NAMES_PX = 84;
const SMALLEST_S = 0.25;

export const HEIGHT_PX = LANES.length * ROW_PX + AXIS_PX + SLIDER_PX;

export class Chart {
  /** Draws into an element. `colours` gives each lane's; `shown` is told the visible span after each zoom. */
  constructor(element, colours, shown) {
    this.element = element;
    this.colours = colours;
    this.peaks = null; // {from, until, bytes}
    this.chosen = null;
    this.view = [0, 1];
    this.chart = echarts.init(element, null, { renderer: "canvas", height: HEIGHT_PX });
    this.chart.on("datazoom", () => { this.view = this.#visible(); shown(...this.view); });
    this.resized = new ResizeObserver(() => this.chart.resize());
    this.resized.observe(element);
  }

  dispose() { this.resized.disconnect(); this.chart.dispose(); }

  /** Show the pieces of a call that has lasted so long. A growing call keeps the chosen span where one is chosen. */
  draw(pieces, duration, theme) {
    this.next = nextInRow(pieces);
    const whole = !this.pieces || (this.view[0] <= 0 && this.view[1] >= this.duration - 0.01);
    this.pieces = pieces;
    this.duration = Math.max(duration, 1);
    this.theme = theme;
    if (whole) this.view = [0, this.duration];
    this.chart.setOption(this.#option(), { replaceMerge: ["series"] });
  }

  draw_waves(peaks) { this.peaks = peaks; this.chart.setOption({ series: this.#waves() }); }

  mark(piece) { this.chosen = piece; this.chart.setOption({ series: [this.#bars()] }); }

  zoom(from, until) {
    const span = Math.min(Math.max(until - from, SMALLEST_S), this.duration);
    const start = Math.min(Math.max(from, 0), this.duration - span);
    this.chart.dispatchAction({ type: "dataZoom", startValue: start, endValue: start + span });
  }

  /** Where a moment stands, in pixels from the left. */
  x(at) { return this.chart.convertToPixel({ xAxisIndex: 0 }, at); }

  #visible() {
    const { startValue, endValue } = this.chart.getOption().dataZoom[0];
    return [startValue, endValue];
  }

  /** What was pointed at: a moment in seconds, or null beside the lanes. */
  at(pixelX, pixelY) {
    if (!this.chart.containPixel({ gridIndex: 0 }, [pixelX, pixelY])) return null;
    return this.chart.convertFromPixel({ gridIndex: 0 }, [pixelX, pixelY])[0];
  }

  #option() {
    const { text, faint, line } = this.theme;
    return {
      animation: false,
      aria: { enabled: true, label: { description: "Who spoke, waited, was heard or cut off, and when" } },
      textStyle: { fontFamily: this.theme.font },
      grid: { left: NAMES_PX, right: 14, top: 4, height: LANES.length * ROW_PX, containLabel: false },
      xAxis: {
        type: "value", min: 0, max: this.duration, axisLine: { lineStyle: { color: line } },
        axisLabel: { color: faint, fontSize: 11, hideOverlap: true, formatter: (at) => clock(at, this.view[1] - this.view[0] < 12) },
        splitLine: { lineStyle: { color: line, opacity: 0.5 } }, splitNumber: this.element.clientWidth < 500 ? 4 : 10,
      },
      yAxis: {
        type: "category", data: LANES, inverse: true, axisTick: { show: false }, axisLine: { show: false },
        axisLabel: { color: text, fontSize: 12, align: "left", margin: NAMES_PX - 4, interval: 0 },
        splitLine: { show: true, lineStyle: { color: line, opacity: 0.5 } },
      },
      dataZoom: [
        {
          type: "inside", zoomOnMouseWheel: "shift", moveOnMouseWheel: false, moveOnMouseMove: true,
          filterMode: "none", minValueSpan: SMALLEST_S, startValue: this.view[0], endValue: this.view[1],
        },
        {
          type: "slider", height: 22, bottom: 4, filterMode: "none", minValueSpan: SMALLEST_S, brushSelect: true,
          left: NAMES_PX, right: 14, borderColor: line, fillerColor: this.theme.selected, handleStyle: { color: faint },
          labelFormatter: (at) => clock(at, false), textStyle: { color: faint, fontSize: 10 }, showDataShadow: false,
          startValue: this.view[0], endValue: this.view[1], showDetail: true,
        },
      ],
      tooltip: {
        trigger: "item", confine: true, backgroundColor: this.theme.background, borderColor: line,
        textStyle: { color: text, fontSize: 12 }, formatter: (item) => this.#tip(item),
      },
      series: [this.#bars(), ...this.#waves()],
    };
  }

  #tip({ seriesId, dataIndex }) {
    if (seriesId !== "bars") return "";
    const piece = this.pieces[dataIndex], length = (piece.end_s - piece.start_s) * 1000;
    const turn = piece.turn_index === null || piece.label.startsWith("turn ") ? "" : ` · turn ${piece.turn_index}`;
    const when = MOMENTS.has(piece.lane) && length === 0 ? clock(piece.start_s)
      : `${clock(piece.start_s)} to ${clock(piece.end_s)}, <b>${milliseconds(length)}</b>`;
    return `<b>${escaped(piece.lane)}</b>${turn}<br>${escaped(piece.label)}<br>${when}`;
  }

  #bars() {
    return {
      id: "bars", type: "custom", clip: true, z: 2, renderItem: (params, api) => this.#bar(params, api),
      encode: { x: [0, 1], y: 2 }, dimensions: ["from", "until", "row"],
      data: this.pieces.map((piece) => [piece.start_s, piece.end_s, ROW[piece.lane]]),
    };
  }

  #bar(params, api) {
    const piece = this.pieces[params.dataIndex];
    const [left, middle] = api.coord([api.value(0), api.value(2)]);
    const [right] = api.coord([api.value(1), api.value(2)]);
    const area = params.coordSys;
    if (right < area.x - 1 || left > area.x + area.width + 1) return null;
    const chosen = this.chosen && piece.lane === this.chosen.lane && piece.which === this.chosen.which;
    const colour = this.colours[piece.lane];
    const edge = chosen ? { stroke: this.theme.text, lineWidth: 2 } : {};
    const from = Math.max(left, area.x), width = Math.max(Math.min(right, area.x + area.width) - from, 2);
    const shapes = [{
      type: "rect", shape: { x: from, y: middle - 12, width, height: 24, r: 3 },
      style: { fill: colour, opacity: WAVES.some((wave) => wave.lane === piece.lane) ? 0.35 : 0.8, ...edge },
    }];
    if (MOMENTS.has(piece.lane)) {
      shapes.push({ type: "path", shape: { pathData: "M0,-8 L8,0 L0,8 L-8,0 Z", x: -8, y: -8, width: 16, height: 16 }, x: left, y: middle, style: { fill: colour, ...edge } });
    } else if (piece.lane === "wait" || piece.lane === "tool") {
      const label = this.#label(piece, from + width, middle, api, area);
      if (label) shapes.push(label);
    }
    return { type: "group", children: shapes };
  }

  /** How long a wait was, beside it, where no other piece of its lane is in the way. */
  #label(piece, right, middle, api, area) {
    const next = this.next.get(piece);
    const room = (next === undefined ? area.x + area.width : api.coord([next, 0])[0]) - right;
    if (room < 52) return null;
    const text = milliseconds((piece.end_s - piece.start_s) * 1000);
    return { type: "text", silent: true, style: { text, x: right + 4, y: middle, verticalAlign: "middle", fill: this.theme.faint, fontSize: 11 } };
  }

  #waves() {
    return WAVES.map((wave) => ({
      id: wave.lane, type: "custom", clip: true, silent: true, z: 3, data: [[0, this.duration, wave.row]],
      encode: { x: [0, 1], y: 2 }, tooltip: { show: false }, renderItem: (params, api) => this.#wave(wave, params, api),
    }));
  }

  #wave({ row, lane, channel }, params, api) {
    if (!this.peaks || this.peaks.bytes.length < 4) return null;
    const { from, until, bytes } = this.peaks, count = bytes.length / 2;
    const [left, middle] = api.coord([from, row]), [right] = api.coord([until, row]);
    const step = (right - left) / count, upper = [], lower = [];
    for (let place = 0; place < count; place += 1) {
      const x = left + (place + 0.5) * step;
      if (x < params.coordSys.x - step || x > params.coordSys.x + params.coordSys.width + step) continue;
      const height = 14 * Math.sqrt(bytes[2 * place + channel] / 255); // quiet speech is seen, too
      upper.push([x, middle - height]);
      lower.push([x, middle + height]);
    }
    if (!upper.length) return null;
    return { type: "polygon", shape: { points: [...upper, ...lower.reverse()] }, style: { fill: this.colours[lane], opacity: 0.95 } };
  }
}

/** When the piece that comes next in the same row begins, by piece. */
function nextInRow(pieces) {
  const next = new Map(), last = new Map();
  for (const piece of pieces.toReversed()) {
    const row = ROW[piece.lane];
    if (last.has(row)) next.set(piece, last.get(row));
    last.set(row, piece.start_s);
  }
  return next;
}

export function escaped(text) {
  const element = document.createElement("span");
  element.textContent = text;
  return element.innerHTML;
}
