// What is in flight, and what has just ended.

import { element, say } from "../elements/element.js";
import { bytes, instant, seconds } from "../elements/format.js";
import { List } from "../elements/list.js";
import { lines, split } from "../elements/parts.js";
import { Timeline, outcome } from "./timeline.js";

/** Returns {update}, for the list and for the exchange that is open. */
export function exchanges(section) {
  const timeline = new Timeline(document.querySelector("#exchange"));
  const columns = [
    { title: "Received", kind: "number", sort: "newest", text: (row) => instant(row.received_at) },
    { title: "Request", kind: "wide", part: () => opener((row) => timeline.open(row)) },
    { title: "Result", sort: "errors", part: result },
    {
      title: "Worker",
      part: () =>
        lines(
          (row) => row.worker || "none",
          (row) => `${row.service} ${row.version}`,
        ),
    },
    { title: "Duration", kind: "number", sort: "slowest", text: (row) => seconds(row.duration) },
    { title: "Where the time went", kind: "going", part: split },
    { title: "Queue", kind: "number", text: (row) => seconds(row.queue) },
    { title: "At the worker", kind: "number", text: (row) => seconds(row.worker_time) },
    { title: "Gateway", kind: "number", text: (row) => seconds(row.gateway) },
    { title: "Sent", kind: "number", text: (row) => bytes(row.bytes_out) },
  ];
  const list = new List(section, {
    path: "api/v1/exchanges",
    rows: "exchanges",
    columns,
    key: (row) => row.id,
    order: "newest",
  });
  return {
    update() {
      list.update();
      timeline.update();
    },
  };
}

function opener(open) {
  let current;
  const where = element("small");
  const what = element("button", { type: "button", class: "link", onclick: () => open(current) });
  return {
    node: element("span", { class: "lines" }, what, where),
    show(row) {
      current = row;
      say(what, `${row.method} ${row.target}`);
      say(where, row.attempt > 1 ? `${row.host}, handed out ${row.attempt} times` : row.host);
    },
  };
}

function result() {
  const node = element("span", { class: "result" });
  return {
    node,
    show(row) {
      const { bad, words } = outcome(row);
      node.toggleAttribute("data-bad", bad);
      say(node, words);
    },
  };
}
