// Parts of tables that are more than text.

import { element, say } from "./element.js";
import { of } from "./format.js";

/** Some of a total, as a bar with words. `some(row)` and `total(row)` are counts. */
export function bar(some, total, word = "") {
  const meter = element("meter", { min: 0, "aria-hidden": "true" }); // the words say it
  const words = element("span");
  return {
    node: element("span", { class: "bar" }, meter, words),
    show(row) {
      meter.max = Math.max(1, total(row));
      meter.value = some(row);
      say(words, `${of(some(row), total(row))}${word}`);
    },
  };
}

/** Several lines of text, the first one strong; those that are empty take no room. */
export function lines(...texts) {
  const nodes = texts.map((_, index) => element(index ? "small" : "strong"));
  return {
    node: element("span", { class: "lines" }, ...nodes),
    show(row) {
      texts.forEach((text, index) => say(nodes[index], text(row) ?? ""));
    },
  };
}

const SHAPES = {
  active: "●",
  paused: "‖",
  draining: "◐",
  drained: "○",
  left: "–",
  lost: "✕",
};

/** A state as a shape and its word; without one there is nobody to have it. */
export function state() {
  const node = element("span", { class: "state" });
  return {
    node,
    show(row) {
      node.dataset.state = row.state;
      say(node, row.state ? `${SHAPES[row.state]} ${row.state}` : "no worker");
    },
  };
}

/** A button for each of these {label, when(row), press(row)} that makes sense for the row. */
export function buttons(...choices) {
  let current;
  const nodes = choices.map(({ label, press }) =>
    element("button", { type: "button", onclick: () => press(current) }, label),
  );
  return {
    node: element("span", { class: "buttons" }, ...nodes),
    show(row) {
      current = row;
      choices.forEach(({ when }, index) => (nodes[index].hidden = !when(row)));
    },
  };
}

/** Where the time of a request went: queue, worker and gateway in proportion. */
export function split() {
  const pieces = ["queue", "worker", "gateway"].map((name) => element("i", { class: name }));
  return {
    node: element("span", { class: "split", "aria-hidden": "true" }, ...pieces),
    show(row) {
      const times = [row.queue, row.worker_time, row.gateway].map((time) => Math.max(0, time ?? 0));
      const all = times[0] + times[1] + times[2];
      times.forEach((time, index) => (pieces[index].style.flexGrow = all ? time / all : 0));
    },
  };
}
