// The figures of the moment. Which one stands where, and in which unit, is said in index.html.

import { say } from "../elements/element.js";
import * as format from "../elements/format.js";

/** Returns `show(overview)`, which fills each element with `data-figure="path.in.overview"`. */
export function figures(page) {
  const places = [...page.querySelectorAll("[data-figure]")];
  return (overview) => {
    const now = overview.gateway.now;
    for (const place of places) {
      const path = place.dataset.figure.split(".");
      const value = path.reduce((part, name) => part?.[name], overview);
      say(
        place,
        place.dataset.as ? format[place.dataset.as](value, now) : (value ?? format.UNKNOWN),
      );
      place.toggleAttribute("data-some", value > 0);
    }
    for (const meter of page.querySelectorAll("meter[data-slots]")) {
      meter.max = Math.max(1, overview.slots.total);
      meter.value = overview.slots.used;
    }
  };
}
