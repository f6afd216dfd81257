// Copying what an element says.

import { notice } from "./question.js";

/** Copy the text; where the browser does not allow it (no https), select it for Ctrl-C. */
export async function copy(place) {
  const text = place.textContent;
  try {
    await navigator.clipboard.writeText(text);
    notice(`Copied ${text}`);
  } catch {
    getSelection().selectAllChildren(place);
    notice("Press Ctrl-C to copy: this browser only lets you do it yourself here.");
  }
}
