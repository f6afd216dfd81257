// A stream in use (proto/README.md, 1 to 8).

import { Exchange, WINDOW } from "./exchange.js";
import { AbortCode } from "./messages.js";
import { Outbox } from "./outbox.js";

const CLOSE_SECONDS = 5;
const TICKS = 3; // for each heartbeat that the gateway asks for
const BEAT = 5000; // milliseconds; both are those of a gateway that says nothing
const SILENCE = 15_000;

const STEPS = [
  "welcome",
  "requests",
  "data",
  "finishes",
  "cancels",
  "windows",
  "goaway",
  "heartbeat",
  "error",
  "refusals",
];

/** Why a session takes no new requests. A gateway that was `lost` has lost what it handed out. */
export class Ending {
  constructor(message, { lost = true, retry = true, after = 0 } = {}) {
    Object.assign(this, { message, lost, retry, after });
  }

  static of(error) {
    return new Ending(`${error.code}: ${error.message}`, { retry: error.retry, after: error.retryInMs });
  }
}

export class Session {
  limits = null; // from the welcome on
  ending = null; // an Ending, once no new requests come
  isOver = false; // nothing is left of the stream
  exchanges = new Map();
  #awaiting = new Set(); // exchanges that wait for room in the outbox
  #drained = false; // the gateway sends nothing more
  #unheard = 0; // ticks
  #pauses = false;
  #closing = false;

  /**
   * `accept` is called with each exchange, `changed` when the above has news or an exchange has ended.
   * `silence`, in ms, is when to give the gateway up, or 0.
   */
  constructor(stream, { accept, changed, slots, log, silence }) {
    Object.assign(this, { stream, accept, changed, slots, log, silence });
    this.outbox = new Outbox(stream, () => this.#roomy());
    stream.listen({
      frame: (frame) => this.#handle(frame),
      ended: (reason) => this.lose(reason),
      closed: () => {
        this.isOver = true;
        this.changed();
      },
    });
  }

  greet(hello) {
    this.outbox.set("hello", { ...hello, limits: { initialWindow: WINDOW } });
  }

  resize(capacity) {
    this.outbox.set("capacity", capacity);
  }

  pause(paused) {
    if (this.#pauses) this.outbox.set("pause", { paused });
  }

  /** Ask to be sent nothing more (7.1); then the session is over when what it holds has ended. */
  drain() {
    this.outbox.set("drain", { reason: "the worker is stopping" });
    for (const exchange of this.exchanges.values()) exchange.reader.draining();
  }

  /** Fail what is held, though handlers may go on, and half-close. */
  abandon() {
    for (const exchange of this.exchanges.values()) {
      exchange.abort(AbortCode.HANDLER_ERROR, "the worker stopped before it answered");
      exchange.reader.cancelled();
    }
    this.#close();
  }

  awaitRoom(exchange) {
    this.#awaiting.add(exchange);
  }

  /** The last event of an exchange is in the outbox. */
  drop(exchange) {
    this.exchanges.delete(exchange.id);
    this.slots.leave(this, exchange);
    this.changed();
    this.#closeIfDone();
  }

  #roomy() {
    const waiting = [...this.#awaiting];
    this.#awaiting.clear();
    for (const exchange of waiting) exchange.pump();
  }

  #handle(frame) {
    this.#unheard = 0;
    if (!this.limits && !frame.welcome && !frame.error) throw new Error("the first one is not a welcome");
    for (const step of STEPS) {
      const events = frame[step];
      if (Array.isArray(events)) for (const event of events) this.#on[step](event);
      else if (events) this.#on[step](events);
    }
  }

  #on = {
    welcome: (welcome) => this.#start(welcome),
    requests: (message) => {
      const exchange = new Exchange(this, message);
      this.exchanges.set(message.id, exchange);
      this.slots.enter(this, exchange, () => this.accept(exchange));
    },
    data: ({ id, data }) => this.exchanges.get(id)?.feed(data),
    finishes: ({ id }) => this.exchanges.get(id)?.finishBody(),
    cancels: ({ id }) => this.exchanges.get(id)?.cancel(),
    windows: ({ id, maxOffset }) => this.exchanges.get(id)?.widen(maxOffset),
    goaway: ({ reason, reconnectInMs, drainAck }) => {
      this.#drained ||= drainAck;
      this.#end(new Ending(reason || "the gateway is stopping", { lost: false, after: reconnectInMs }));
      this.#closeIfDone();
    },
    heartbeat: ({ nonce }) => nonce && this.outbox.set("heartbeat", { echo: nonce }),
    error: (error) => this.#end(Ending.of(error)),
    refusals: ({ id, message }) => {
      this.log.warning(`The gateway rejected an answer (id ${id}): ${message}`);
      this.exchanges.get(id)?.cancel(); // its slot stays taken until it ends, as after a cancel (4.5)
    },
  };

  #start({ limits, features, heartbeatMs, deadAfterMs }) {
    this.limits = { chunk: limits?.maxChunkBytes || 65_536, window: limits?.initialWindow || 262_144 };
    this.#pauses = features.includes("pause");
    this.silence ||= deadAfterMs || SILENCE;
    const tick = Math.min(heartbeatMs || BEAT, this.silence) / TICKS;
    this.ticking = setInterval(() => this.#tick(tick), tick);
    this.slots.share();
    this.changed();
  }

  /** Counts ticks, not seconds: a process that was stopped must first read what has come. */
  #tick(tick) {
    if (++this.#unheard * tick > this.silence) {
      return this.lose(`the connection was silent for ${this.silence / 1000} s`);
    }
    if (!this.outbox.said) this.outbox.set("heartbeat", { nonce: 1 });
    this.outbox.said = false;
  }

  #closeIfDone() {
    if (this.#drained && !this.exchanges.size) this.#close();
  }

  #close() {
    if (this.#closing) return;
    this.#closing = true;
    this.outbox.finish();
    setTimeout(() => this.stream.destroy(), CLOSE_SECONDS * 1000).unref();
  }

  #end(ending) {
    this.ending ??= ending;
    this.changed();
  }

  /** The stream is lost: cancel every exchange on it. */
  lose(message) {
    this.#end(new Ending(message));
    clearInterval(this.ticking);
    if (this.#closing) this.stream.close();
    else this.stream.destroy();
    for (const exchange of this.exchanges.values()) exchange.cancel();
  }
}
