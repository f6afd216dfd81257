// The curves of the last 15 minutes.

import uPlot from "../vendor/uPlot.esm.js";
import { count, rate, seconds } from "../elements/format.js";
import { flag, places } from "./marks.js";

const SPAN = 900; // seconds
const HEIGHT = 190; // pixels

// A curve is told by its dashes as well as by its colour.
const SOLID = [];
const DASHED = [7, 4];
const DOTTED = [2, 3];
const MIXED = [9, 3, 2, 3];

const PARTS = [
  ["total", "total", "--ink", SOLID],
  ["queue", "queue", "--queue", DASHED],
  ["worker", "worker", "--worker", DOTTED],
  ["gateway", "gateway", "--gateway", MIXED],
];
const REQUESTS = [
  ["requests", "requests", "--ink", SOLID],
  ["gateway_errors", "gateway's errors", "--critical", DASHED],
  ["worker_errors", "workers' errors", "--queue", DOTTED],
  ["client_gone", "clients gone", "--gateway", MIXED],
];
const LINE = [
  ["waiting", "waiting", "--queue", SOLID],
  ["slots", "slots", "--quiet", DASHED],
  ["slots_used", "slots in use", "--worker", MIXED],
];

/** Returns `show()`; the percentile of the wait is the choice of the section's form. */
export function curves(section, history) {
  const form = section.querySelector("form");
  const wait = () => PARTS.map(([name, ...rest]) => [`${name}_${form.elements.percentile.value}`, ...rest]);
  const plots = [
    new Plot(section.querySelector("#curve-requests"), () => REQUESTS, rate, 1),
    new Plot(section.querySelector("#curve-wait"), wait, seconds, 0.01),
    new Plot(section.querySelector("#curve-line"), () => LINE, count, 4),
  ];
  const show = () => plots.forEach((plot) => plot.show(history));
  form.addEventListener("change", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  return show;
}

class Plot {
  #curves;
  #plot;
  #history;

  constructor(place, curves, format, least) {
    this.#curves = curves;
    this.#plot = new uPlot(this.#options(place, format, least), null, place);
    new ResizeObserver(() => this.#plot.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  }

  show(history) {
    this.#history = history;
    this.#plot.setData(history.columns(this.#curves().map(([name]) => name)));
    // While nobody points at a second, the legend tells the last one.
    if (this.#plot.cursor.left < 0) this.#plot.setLegend({ idx: history.times.length - 1 });
  }

  #options(place, format, least) {
    const series = this.#curves().map(([, label, colour, dash]) => ({
      label,
      dash,
      width: 1.5,
      stroke: () => paint(colour),
      value: (_, value) => format(value),
      points: { show: false, filter: alone, size: 4 },
    }));
    const axis = { stroke: () => paint("--quiet"), grid: { stroke: () => paint("--line"), width: 1 }, ticks: { show: false } };
    return {
      width: place.clientWidth,
      height: HEIGHT,
      padding: [18, 8, 0, 0],
      cursor: { drag: { x: false, y: false }, sync: { key: "curves" } },
      legend: { markers: { dash: (plot, index) => (plot.series[index].dash.length ? "dashed" : "solid") } },
      scales: { x: { range: () => this.#span() }, y: { range: (_, low, high) => [0, Math.max(high ?? 0, least) * 1.1] } },
      series: [{ value: (_, at) => (at ? clock(at) : "") }, ...series],
      axes: [
        { ...axis, values: (_, instants) => instants.map((at) => clock(at).slice(0, 5)), space: 70, size: 26 },
        { ...axis, values: (_, values) => values.map(format), size: 66, space: 36 },
      ],
      hooks: { draw: [(plot) => this.#mark(plot)] },
    };
  }

  #span() {
    const end = this.#history?.times.at(-1) ?? Date.now() / 1000;
    return [end - SPAN, end];
  }

  #mark(plot) {
    const [from] = this.#span();
    const marks = (this.#history?.marks ?? []).filter(({ at }) => at >= from);
    const found = places(marks, (at) => plot.valToPos(at, "x"));
    plot.over.querySelectorAll(".flag").forEach((old) => old.remove());
    plot.over.append(...found.map((one) => flag(one, plot.over.clientWidth)));
  }
}

/** The points that no line reaches, as both neighbours are missing. */
function alone(plot, index) {
  const values = plot.data[index];
  const [first, last] = plot.series[0].idxs;
  const found = [];
  for (let at = first; at <= last; at++) {
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) found.push(at);
  }
  return found;
}

function clock(at) {
  return new Date(at * 1000).toLocaleTimeString("sv");
}

function paint(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}
