// What happened: the list below the curves, and the marks on their time axis.

import { element } from "../elements/element.js";
import { count, instant } from "../elements/format.js";

const SHAPES = {
  started: "S",
  deploy: "D",
  joined: "+",
  left: "–",
  lost: "✕",
  drain: "‖",
  resume: "▸",
  traffic: "%",
  upgrade: "U",
};
// Which shape stands for several marks at one place.
const WORST = [
  "lost",
  "upgrade",
  "started",
  "deploy",
  "traffic",
  "drain",
  "resume",
  "left",
  "joined",
];
const NEAR = 14; // pixels, within which marks share a place
const LINES = 4; // of the text of such a place
const LISTED = 100;

/** The list, newest first. */
export function list(place, marks) {
  const newest = marks.slice(-LISTED).reverse();
  place.replaceChildren(
    ...newest.map(({ at, kind, text }) =>
      element(
        "li",
        {},
        element("time", { datetime: new Date(at * 1000).toISOString() }, instant(at)),
        element(
          "b",
          { class: "shape", "data-kind": kind, "aria-hidden": "true" },
          SHAPES[kind] ?? "·",
        ),
        element("span", {}, text),
      ),
    ),
  );
}

/** Marks that would stand on each other, put together: [{x, kind, text}], x in pixels. */
export function places(marks, position) {
  const found = [];
  for (const mark of marks) {
    const x = position(mark.at);
    const last = found.at(-1);
    if (last && x - last.x < NEAR) last.marks.push(mark);
    else found.push({ x, marks: [mark] });
  }
  return found.map(({ x, marks }) => ({
    x,
    kind: WORST.find((kind) => marks.some((mark) => mark.kind === kind)),
    text: words(marks),
  }));
}

/** The element for one place; `x` is where. */
export function flag({ x, kind, text }, width) {
  const node = element(
    "span",
    { class: "flag shape", "data-kind": kind, "data-text": text },
    SHAPES[kind],
  );
  node.style.left = `${x}px`;
  node.classList.toggle("late", x > width / 2);
  return node;
}

function words(marks) {
  const told = marks.slice(0, LINES).map(({ at, text }) => `${instant(at)} ${text}`);
  const more = marks.length - told.length;
  return [...told, ...(more > 0 ? [`and ${count(more)} more`] : [])].join("\n");
}
