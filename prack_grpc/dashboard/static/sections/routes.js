// Where it waits: each route, the one in most need first.

import { ago, bytes, count, failed, rate, seconds, UNKNOWN } from "../elements/format.js";
import { List } from "../elements/list.js";
import { bar, lines } from "../elements/parts.js";

/** Returns the list; `now()` is the gateway's time. */
export function routes(section, now) {
  const name = (row) => (row.kind === "http" ? row.route : `${row.route} (${row.kind})`);
  const columns = [
    {
      title: "Route",
      kind: "wide",
      part: () =>
        lines(
          name,
          (row) => row.version,
          (row) => row.sentence,
        ),
    },
    { title: "Waiting", kind: "number", text: (row) => count(row.waiting) },
    {
      title: "Oldest",
      kind: "number",
      text: (row) => (row.waiting ? seconds(row.oldest) : UNKNOWN),
    },
    { title: "Bytes waiting", kind: "number", text: (row) => bytes(row.waiting_bytes) },
    { title: "In", kind: "number", text: (row) => rate(row.arrival_rate) },
    { title: "Out", kind: "number", text: (row) => rate(row.service_rate) },
    { title: "Expected wait", kind: "number", text: (row) => seconds(row.expected_wait) },
    {
      title: "Slots free",
      part: () =>
        bar(
          (row) => row.free,
          (row) => row.slots,
        ),
    },
    {
      title: "Errors",
      kind: "number",
      text: (row) => failed(row.errors),
    },
    { title: "p95", kind: "number", text: (row) => seconds(row.p95) },
    { title: "Last used", kind: "number", text: (row) => ago(row.last_used, now()) },
  ];
  const key = (row) => `${row.route} ${row.kind} ${row.version}`;
  return new List(section, { path: "api/v1/routes", rows: "routes", columns, key });
}
