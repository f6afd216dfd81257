// Who works: each worker, with the buttons that drain it and let it work again.

import { ago, count, failed, rate, seconds } from "../elements/format.js";
import { List } from "../elements/list.js";
import { bar, buttons, lines, state } from "../elements/parts.js";
import { drain, resume } from "./draining.js";

/** Returns the list; `now()` is the gateway's time, `active()` the number of active workers. */
export function workers(section, now, active) {
  const version = (row) => [row.service, row.version].filter(Boolean).join(" ");
  const who = (row) => ({ name: row.worker, target: { worker: row.worker }, held: row.held });
  const actions = () =>
    buttons(
      {
        label: "Drain",
        when: (row) => ["active", "paused"].includes(row.state),
        press: (row) => drain(who(row), active(), done),
      },
      {
        label: "Resume",
        when: (row) => ["draining", "drained"].includes(row.state),
        press: (row) => resume(who(row), done),
      },
    );
  const columns = [
    {
      title: "Worker",
      kind: "wide",
      sort: "worker",
      part: () => lines((row) => row.worker, version),
    },
    { title: "State", part: state },
    {
      title: "Slots in use",
      sort: "held",
      part: () =>
        bar(
          (row) => row.held,
          (row) => row.slots,
        ),
    },
    { title: "WebSockets", kind: "number", text: (row) => count(row.websockets) },
    {
      title: "Requests",
      kind: "number",
      sort: "requests",
      text: (row) => rate(row.requests_per_second),
    },
    { title: "p50", kind: "number", text: (row) => seconds(row.p50) },
    { title: "p95", kind: "number", sort: "p95", text: (row) => seconds(row.p95) },
    { title: "Errors", kind: "number", sort: "errors", text: (row) => failed(row.errors) },
    {
      title: "Connected",
      kind: "number",
      sort: "seconds",
      text: (row) => ago(row.connected_at, now()),
    },
    { title: "Seen", kind: "number", text: (row) => ago(row.seen_at, now()) },
    {
      title: "Address",
      text: ({ transport, address, gateways }) =>
        [transport, address, gateways && `at ${gateways}`].filter(Boolean).join(" "),
    },
    { title: "Actions", kind: "actions", part: actions },
  ];
  const list = new List(section, {
    path: "api/v1/workers",
    rows: "workers",
    columns,
    key: (row) => row.worker,
    order: "worker",
  });
  const done = () => list.refresh();
  return list;
}
