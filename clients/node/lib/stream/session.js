// A stream in use (proto/README.md, 1 to 8).

import { Exchange, WINDOW } from "./exchange.js";
import { AbortCode } from "./messages.js";
import { Outbox } from "./outbox.js";

const WELCOME_SECONDS = 10;
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
  exchanges = new Map();
  #awaiting = new Set(); // exchanges that wait for room in the outbox
  #drained = false; // the gateway sends nothing more
  #unheard = 0; // ticks
  #pauses = false;
  #closing = false;
  #settle = {};

  /** `accept` is called with each exchange. `silence`, in ms, is when to give the gateway up, or 0. */
  constructor(stream, { accept, slots, log, silence }) {
    Object.assign(this, { stream, accept, slots, log, silence });
    this.outbox = new Outbox(stream, () => this.#roomy());
    /** Resolves to an Ending once no new requests come; and once the stream is over. */
    this.ended = new Promise((resolve) => (this.#settle.ended = resolve));
    this.over = new Promise((resolve) => (this.#settle.over = resolve));
    this.welcomed = new Promise((resolve) => (this.#settle.welcomed = resolve));
    stream.listen({
      frame: (frame) => this.#handle(frame),
      ended: (reason) => this.#lose(reason),
      closed: this.#settle.over,
    });
  }

  /** Send the hello. Resolves to undefined after the welcome, or else to an Ending. */
  async greet(hello) {
    this.outbox.set("hello", { ...hello, limits: { initialWindow: WINDOW } });
    const late = setTimeout(
      () => this.#lose(`no welcome within ${WELCOME_SECONDS} s`),
      WELCOME_SECONDS * 1000,
    );
    await Promise.race([this.welcomed, this.ended]);
    clearTimeout(late);
    return this.limits ? undefined : this.ended;
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
    for (const exchange of this.exchanges.values()) exchange.reader.draining?.();
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
      this.#settle.ended(
        new Ending(reason || "the gateway is stopping", { lost: false, after: reconnectInMs }),
      );
      this.#closeIfDone();
    },
    heartbeat: ({ nonce }) => nonce && this.outbox.set("heartbeat", { echo: nonce }),
    error: (error) => this.#settle.ended(Ending.of(error)),
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
    this.#settle.welcomed();
    this.slots.share();
  }

  /** Counts ticks, not seconds: a process that was stopped must first read what has come. */
  #tick(tick) {
    if (++this.#unheard * tick > this.silence) {
      return this.#lose(`the connection was silent for ${this.silence / 1000} s`);
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

  #lose(message) {
    this.#settle.ended(new Ending(message));
    clearInterval(this.ticking);
    if (this.#closing) this.stream.close();
    else this.stream.destroy();
    for (const exchange of this.exchanges.values()) exchange.cancel();
  }
}
