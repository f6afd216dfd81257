// Versions side by side, and how traffic is split between them.

import { ago, count, failed, rate, seconds } from "../elements/format.js";
import { List } from "../elements/list.js";
import { bar, buttons, lines, state } from "../elements/parts.js";
import { drain, resume } from "./draining.js";
import { changeWeights } from "./weights.js";

/** Returns the list; `now()` is the gateway's time, `active()` the number of active workers. */
export function versions(section, now, active) {
  const who = (row) => ({
    name: `${row.service} ${row.version}`,
    target: { service: row.service, version: row.version },
    held: row.held,
    size: row.workers,
  });
  const named = (row) => row.service && row.version;
  const actions = () =>
    buttons(
      { label: "Weights", when: named, press: (row) => changeWeights(row.service, done) },
      {
        label: "Drain",
        when: (row) => named(row) && ["active", "paused"].includes(row.state),
        press: (row) => drain(who(row), active(), done),
      },
      {
        label: "Resume",
        when: (row) => named(row) && ["draining", "drained"].includes(row.state),
        press: (row) => resume(who(row), done),
      },
    );
  const columns = [
    {
      title: "Version",
      kind: "wide",
      part: () =>
        lines(
          (row) => row.version || "(not named)",
          (row) => row.service,
        ),
    },
    { title: "State", part: state },
    { title: "Weight", kind: "number", text: (row) => count(row.weight) },
    { title: "Requests", kind: "number", text: (row) => rate(row.requests_per_second) },
    { title: "Errors", kind: "number", text: (row) => failed(row.errors) },
    { title: "p50", kind: "number", text: (row) => seconds(row.p50) },
    { title: "p95", kind: "number", text: (row) => seconds(row.p95) },
    { title: "Workers", kind: "number", text: (row) => count(row.workers) },
    {
      title: "Slots in use",
      part: () =>
        bar(
          (row) => row.held,
          (row) => row.slots,
        ),
    },
    { title: "Seen", kind: "number", text: (row) => ago(row.seen_at, now()) },
    { title: "Actions", kind: "actions", part: actions },
  ];
  const key = (row) => `${row.service} ${row.version}`;
  const list = new List(section, { path: "api/v1/versions", rows: "versions", columns, key });
  const done = () => list.refresh();
  return list;
}
