// The dialog that asks before something hurts, and stays open until it is done.

import { element, say } from "./element.js";

const READ = 10_000; // ms for a notice
let fading;

/**
 * Ask. `sentences` say what will happen, `fields` are elements to fill in, `label` is what the
 * button says. `act(form)` does it; what it throws is shown, what it returns is told as a notice.
 */
export function ask({ title, sentences, fields = [], label, act }) {
  const trouble = element("p", { role: "alert" });
  const cancel = element("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const go = element("button", { type: "submit", class: "act" }, label);
  const form = element(
    "form",
    { novalidate: "" },
    element("h2", {}, title),
    ...sentences.map((sentence) => element("p", {}, sentence)),
    ...fields,
    trouble,
    element("footer", {}, cancel, go),
  );
  const dialog = element("dialog", { "aria-label": title, onclose: () => dialog.remove() }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      notice(await act(form));
      dialog.close();
    } catch (error) {
      say(trouble, error.message);
    } finally {
      go.disabled = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  if (!fields.length) cancel.focus();
}

/** Tell what was done, for a while. */
export function notice(text) {
  const place = document.querySelector("#notice");
  say(place, text);
  clearTimeout(fading);
  fading = setTimeout(() => say(place, ""), READ);
}
