// What is shown as long as there was no worker: the commands that start one.

import { element, say } from "../elements/element.js";
import { copy } from "../elements/copy.js";

const JOINED = ["joined", "deploy"];

/** Returns `show(overview)`; `marks()` is what happened before. */
export function firstWorker(section, marks) {
  const commands = section.querySelectorAll("pre code");
  const [, start, ask] = commands;
  for (const code of commands) {
    const label = `Copy ${code.dataset.what}`;
    code.after(
      element("button", { type: "button", "aria-label": label, onclick: () => copy(code) }, "Copy"),
    );
  }
  return ({ gateway, workers }) => {
    const some = Object.values(workers).some((count) => count > 0);
    const before = marks().some(({ kind }) => JOINED.includes(kind));
    section.hidden = some || before;
    say(start, `prack-worker main:app --gateway ${gateway.dial}`);
    say(ask, `curl ${new URL("hello", gateway.public)}`);
  };
}
