// The first line of the page: is it well, and if not, what is wrong.

import { element, say } from "../elements/element.js";
import { count, instant, rate } from "../elements/format.js";

const LEVELS = {
  critical: "✕ Critical:",
  warning: "▲ Warning:",
  info: "● Note:",
  well: "✓",
  lost: "?",
};

/** Returns `show(overview)` and `lost()`. `spoken` is a live region that only hears of changes. */
export function verdict(section, spoken) {
  const [level, text] = section.querySelectorAll("h1 > *");
  const others = section.querySelector("ul");
  let last;

  function write(sentences) {
    const [first, ...more] = sentences;
    section.dataset.level = first.level;
    say(level, LEVELS[first.level]);
    say(text, first.text);
    others.replaceChildren(
      ...more.map((one) => element("li", {}, `${LEVELS[one.level]} ${one.text}`)),
    );
    document.title = `${LEVELS[first.level]} ${first.text} – Prack`;
    // Numbers change each second; nobody wants to hear them all.
    const heard = sentences.map((one) => `${one.level} ${one.route ?? ""}`).join();
    if (heard !== last) say(spoken, `${LEVELS[first.level]} ${first.text}`);
    last = heard;
  }

  return {
    show(overview) {
      last ??= "";
      write(overview.sentences.length ? overview.sentences : [ordinary(overview)]);
    },
    lost(at) {
      const since = at ? ` The figures below are those of ${instant(at)}.` : "";
      write([{ level: "lost", text: `Connection lost, trying again.${since}` }]);
    },
  };
}

function ordinary({ gateway, gateways, traffic, queue, workers }) {
  const waiting = queue.waiting ? count(queue.waiting) : "none";
  const requests = `${rate(traffic.requests_per_second ?? 0).replace("/s", "")} requests/s`;
  if (gateway.state !== "ready") {
    return {
      level: "warning",
      text: [`The gateway is ${gateway.state}`, ...gateway.reasons].join(": "),
    };
  }
  if (workers.active === 0) {
    return {
      level: "warning",
      text: `No worker is ${workers.paused ? "ready" : "connected"}: requests wait for one, ${waiting} now`,
    };
  }
  const all = gateways ? `, ${count(gateways.length)} gateways` : "";
  return { level: "well", text: `All is well: ${requests}, ${waiting} waiting${all}` };
}
