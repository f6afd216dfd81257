// One exchange: its steps in words, and a bar of where the time went.

import { get } from "../gateway/api.js";
import { copy } from "../elements/copy.js";
import { element, say } from "../elements/element.js";
import { bytes, instant, seconds } from "../elements/format.js";

/** How an exchange ended or goes on, in words; `bad` if somebody should look at it. */
export function outcome({ state, status, error, outcome }) {
  if (state !== "ended") return { bad: false, words: `… ${state}` };
  const bad = status >= 500 || outcome !== "worker";
  const why = error ? ` ${error.replaceAll("_", " ")}` : "";
  const who = outcome === "worker" && status >= 500 ? " by the worker" : "";
  return { bad, words: `${bad ? "✕" : "✓"} ${status || "nothing sent"}${why}${who}` };
}

/** The dialog. */
export class Timeline {
  #dialog;
  #id;

  constructor(dialog) {
    this.#dialog = dialog;
    const id = dialog.querySelector("code");
    dialog.querySelector("[name=copy]").addEventListener("click", () => copy(id));
    dialog.querySelector("[name=close]").addEventListener("click", () => dialog.close());
  }

  /** Show one exchange. */
  async open({ id }) {
    this.#id = id;
    try {
      this.#show(await get(`api/v1/exchanges/${encodeURIComponent(id)}`));
      say(this.#part(".trouble"), "");
    } catch (error) {
      say(this.#part(".trouble"), error.message);
    }
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** One that goes on is asked for again. */
  update() {
    if (this.#dialog.open && this.#dialog.dataset.state !== "ended") this.open({ id: this.#id });
  }

  #part(selector) {
    return this.#dialog.querySelector(selector);
  }

  #show(exchange) {
    const all = stages(exchange);
    const sum = all.reduce((total, { duration }) => total + duration, 0);
    const pieces = all.map((stage) => piece(stage, sum));
    this.#dialog.dataset.state = exchange.state;
    say(this.#part("h2"), `${exchange.method} ${exchange.target}`);
    say(this.#part("code"), exchange.id);
    say(this.#part(".outcome"), sentence(exchange));
    this.#part(".stages").replaceChildren(...pieces);
    this.#part("ol").replaceChildren(
      ...steps(exchange).map((step) => line(step, exchange.received_at)),
    );
  }
}

function sentence(row) {
  const sizes = `${bytes(row.bytes_in)} in, ${bytes(row.bytes_out)} out`;
  return `${outcome(row).words}. Host ${row.host}, client ${row.client}, ${sizes}.`;
}

/** Between two steps lies a stage: [{kind, words, duration}]. */
function stages(exchange) {
  const { received_at, hand_outs, first_byte_at, ended_at } = exchange;
  const end = ended_at ?? received_at + (exchange.duration ?? 0);
  const answered = first_byte_at ?? end;
  const handed = hand_outs.map(({ at }) => at);
  const found = [
    { kind: "queue", words: "queue", duration: (handed[0] ?? answered) - received_at },
  ];
  hand_outs.forEach(({ worker, at }, index) => {
    const until = handed[index + 1] ?? answered;
    found.push({ kind: "worker", words: worker, duration: until - at });
  });
  if (first_byte_at) found.push({ kind: "body", words: "body", duration: end - first_byte_at });
  return found;
}

function piece({ kind, words, duration }, sum) {
  const node = element("span", { class: kind }, `${words} ${seconds(duration)}`);
  node.style.flexGrow = sum > 0 ? Math.max(0, duration) / sum : 1;
  return node;
}

/** What happened, in order: [{at, words}]. */
function steps(row) {
  const again = (attempt) => (attempt > 1 ? `, hand-out ${attempt}` : "");
  const version = ({ service, version }) => [service, version].filter(Boolean).join(" ");
  const found = [
    { at: row.received_at, words: `received and queued for ${row.route || "no route"}` },
    ...row.hand_outs.map((one) => ({
      at: one.at,
      words: `handed out to ${one.worker} (${version(one)})${again(one.attempt)}`,
    })),
  ];
  if (row.first_byte_at)
    found.push({ at: row.first_byte_at, words: "first byte sent to the client" });
  if (row.ended_at) found.push({ at: row.ended_at, words: `ended: ${outcome(row).words}` });
  return found;
}

function line({ at, words }, start) {
  return element(
    "li",
    {},
    element("time", {}, instant(at)),
    element("b", {}, `+${seconds(Math.max(0, at - start))}`),
    element("span", {}, words),
  );
}
