// The curves of the last 15 minutes.

import uPlot from "../vendor/uPlot.esm.js";
import { count, rate, seconds } from "../elements/format.js";
import { flag, places } from "./marks.js";

// How much of the time is shown, in seconds: what is known, but no less and no more than this.
const SHORTEST = 120;
const LONGEST = 900;
const HEIGHT = 190; // pixels

// Curves are told apart by how their lines look, not by their colours alone.
const THICK = { width: 2, style: "solid" };
const THIN = { width: 1, style: "solid" };
const DASHED = { width: 1.5, style: "dashed", dash: [7, 4] };
const DOTTED = { width: 1.5, style: "dotted", dash: [2, 3] };
const AREA = { ...THIN, opacity: "40" }; // hexadecimal, behind the colour

// Each curve: the series, its label, its colour, its line.
const REQUESTS = [
  ["requests", "requests", "--ink", THICK],
  ["gateway_errors", "gateway's errors", "--critical", DASHED],
  ["worker_errors", "workers' errors", "--queue", DOTTED],
  ["client_gone", "clients gone", "--gateway", THIN],
];
const WAIT = [
  ["total", "in all", "--ink", THICK],
  ["queue", "queue", "--queue", DASHED],
  ["worker", "worker", "--worker", DOTTED],
  ["gateway", "gateway", "--gateway", THIN],
];
const LINE = [
  ["waiting", "waiting", "--queue", THICK],
  ["slots", "slots", "--quiet", DASHED],
  ["slots_used", "slots in use", "--worker", AREA],
];

/** Returns `show()`; the percentile of the wait is the choice of the section's form. */
export function curves(section, history) {
  const form = section.querySelector("form");
  const wait = () =>
    WAIT.map(([name, ...rest]) => [`${name}_${form.elements.percentile.value}`, ...rest]);
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
    new ResizeObserver(() =>
      this.#plot.setSize({ width: place.clientWidth, height: HEIGHT }),
    ).observe(place);
  }

  show(history) {
    this.#history = history;
    this.#plot.setData(history.columns(this.#curves().map(([name]) => name)));
    // While nobody points at a second, the legend tells the last one.
    if (this.#plot.cursor.left < 0) this.#plot.setLegend({ idx: history.times.length - 1 });
  }

  #options(place, format, least) {
    const lines = this.#curves().map(([, , , line]) => line);
    const series = this.#curves().map(([, label, colour, { width, dash, opacity }]) => ({
      label,
      width,
      dash,
      stroke: () => paint(colour),
      fill: () => (opacity ? paint(colour) + opacity : null),
      value: (_, value) => format(value),
      points: { show: false, filter: alone, size: 4 },
    }));
    const markers = {
      width: (_, index) => lines[index - 1]?.width ?? 0, // the first is the time
      dash: (_, index) => lines[index - 1]?.style,
    };
    const axis = {
      stroke: () => paint("--quiet"),
      grid: { stroke: () => paint("--line"), width: 1 },
      ticks: { show: false },
    };
    return {
      width: place.clientWidth,
      height: HEIGHT,
      padding: [18, 20, 0, 0],
      cursor: { drag: { x: false, y: false }, sync: { key: "curves" } },
      legend: { markers },
      scales: {
        x: { range: () => this.#span() },
        y: { range: (_, low, high) => [0, Math.max(high ?? 0, least) * 1.1] },
      },
      series: [{ value: (_, at) => (at ? clock(at) : "") }, ...series],
      axes: [
        {
          ...axis,
          values: (_, instants) => instants.map((at) => clock(at).slice(0, 5)),
          incrs: [60, 120, 300], // whole minutes
          space: 60,
          size: 26,
        },
        { ...axis, values: (_, values) => values.map(format), size: 66, space: 36 },
      ],
      hooks: { draw: [(plot) => this.#mark(plot)] },
    };
  }

  #span() {
    const times = this.#history?.times ?? [];
    const end = times.at(-1) ?? Date.now() / 1000;
    const known = end - (times[0] ?? end);
    return [end - Math.min(Math.max(known, SHORTEST), LONGEST), end];
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
