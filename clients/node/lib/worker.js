// Runs an application: connects, serves, drains; reconnects when the gateway is gone.

import { randomBytes } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { hostname } from "node:os";

import { Server } from "./http/server.js";
import { readToken } from "./settings.js";
import { dial as dialGrpc } from "./stream/grpc.js";
import { dial as dialPlain } from "./stream/plain.js";
import { Ending, Session } from "./stream/session.js";
import { Slots } from "./stream/slots.js";
import { VERSION } from "./version.js";

const MINOR = 1; // of the protocol
// Delays between dials, in ms (proto/README.md, 2.4).
const SHORTEST = 100;
const LONGEST = 10_000;
const HEALTHY = 30_000; // a session that lasted so long makes them short again
const UNWIND = 500;

/** The gateway says that dialling again will fail again. */
export class GatewayRefused extends Error {
  name = "GatewayRefused";
}

export class Worker extends EventEmitter {
  /** Resolves when the worker has drained. Rejects with GatewayRefused. */
  stopped;
  #settings;
  #log;
  #server;
  #slots;
  #hello;
  #where;
  #sessions = new Set(); // that live
  #stop = new AbortController();
  #changed = new EventEmitter();
  #paused = false;
  #bound = SHORTEST;
  #trouble = ""; // the last one logged

  constructor(app, settings, log, name) {
    super();
    this.#settings = settings;
    this.#log = log;
    this.#server = new Server(app, log);
    this.#slots = new Slots(settings.slots, this.#server.tunnels ? settings.websocketSlots : 0, () =>
      this.#change(),
    );
    this.#hello = helloOf(settings, this.#server.tunnels);
    this.#where = `${settings.gateway.host}:${settings.gateway.port}`;
    this.#changed.setMaxListeners(0);
    log.info(`Running ${name} with ${settings.slots} slots`);
    this.stopped = this.#run();
  }

  /** Take no more requests and finish those that are held. Returns `stopped`. */
  drain() {
    if (!this.#stop.signal.aborted) {
      this.#stop.abort();
      this.emit("draining");
    }
    return this.stopped;
  }

  /** Take no more requests until `resume`; those that are on their way still come. */
  pause() {
    this.#setPaused(true);
  }

  /** Take requests again. */
  resume() {
    this.#setPaused(false);
  }

  #setPaused(paused) {
    this.#paused = paused;
    for (const session of this.#sessions) session.pause(paused);
    this.#change();
  }

  get #stopping() {
    return this.#stop.signal.aborted;
  }

  #change() {
    this.#changed.emit("change");
  }

  async #run() {
    while (!this.#stopping) {
      const ending = await this.#serve();
      if (!ending.retry) {
        this.#closeAll();
        throw new GatewayRefused(`the gateway refuses this worker: ${ending.message}`);
      }
      await this.#holdOff(ending);
    }
    await this.#finish();
    this.#log.info("Stopped");
  }

  /** Run one session. Resolves to an Ending when it takes no new requests, or the worker is to stop. */
  async #serve() {
    const { session, ending: failure } = await this.#open();
    if (failure) {
      this.#report(failure.message);
      return failure;
    }
    this.#trouble = "";
    this.#log.info(`Connected to ${this.#where}`);
    const began = performance.now();
    const ending = await Promise.race([session.ended, this.#stopped(new Ending("", { lost: false }))]);
    if (performance.now() - began >= HEALTHY) this.#bound = SHORTEST;
    if (this.#stopping || !ending.retry) return ending;
    if (ending.lost) this.#log.warning(`Lost the gateway: ${ending.message}; reconnecting`);
    else this.#log.info(`${ending.message}; finishing the requests in progress, and reconnecting`);
    return ending;
  }

  /** Log a line when the reason changes, not for each attempt. */
  #report(trouble) {
    if (this.#stopping || trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#log.warning(`No gateway at ${this.#where}: ${trouble}; retrying until it answers`);
  }

  /** Dial. A stop cuts that off only before the hello: after it, requests may be assigned already. */
  async #open() {
    let dialled;
    try {
      const dial = this.#settings.gateway.carrier === "grpc" ? dialGrpc : dialPlain;
      dialled = await dial(this.#call(), this.#stop.signal);
    } catch (error) {
      return { ending: new Ending(error.message) };
    }
    const { maxSilence } = this.#settings;
    const session = new Session(dialled, {
      accept: (exchange) => this.#server.accept(exchange),
      slots: this.#slots,
      log: this.#log,
      silence: maxSilence * 1000,
    });
    this.#stay(session);
    return { session, ending: await session.greet({ ...this.#hello, capacity: this.#slots.offer(session) }) };
  }

  /** Whom to call now; files are read anew, as they may have been replaced. */
  #call() {
    const {
      gateway,
      token,
      tokenFile,
      tlsCa: ca,
      tlsCert: cert,
      tlsKey: key,
      tlsServerName: serverName,
    } = this.#settings;
    const tls = gateway.secure ? { ca, cert, key, serverName } : null;
    return {
      address: { host: gateway.host, port: gateway.port },
      token: tokenFile ? readToken(tokenFile) : token,
      tls,
    };
  }

  async #stay(session) {
    this.#sessions.add(session);
    session.welcomed.then(() => this.#paused && session.pause(true));
    await session.over;
    this.#sessions.delete(session);
    this.#change();
  }

  /** Wait before another dial, while paused, and until the sessions that live leave a slot free. */
  async #holdOff({ lost, after }) {
    let delay = after;
    if (lost || !after) {
      delay = Math.max(delay, Math.random() * this.#bound);
      this.#bound = Math.min(2 * this.#bound, LONGEST);
    }
    await this.#pass(delay);
    while (!this.#stopping && (this.#paused || !this.#slots.hasFree([...this.#sessions]))) {
      await Promise.race([once(this.#changed, "change"), this.#stopped()]);
    }
  }

  /** Resolves after so many ms, or when the worker is to stop. */
  async #pass(milliseconds) {
    let timer;
    await Promise.race([
      new Promise((resolve) => (timer = setTimeout(resolve, milliseconds))),
      this.#stopped(),
    ]);
    clearTimeout(timer);
  }

  /** Resolves to a value when the worker is to stop. */
  async #stopped(value) {
    if (!this.#stopping) await once(this.#stop.signal, "abort");
    return value;
  }

  async #finish() {
    const { grace } = this.#settings;
    this.#log.info(
      `Stopping: ${this.#held().length} requests in progress, waiting up to ${grace} s (--grace)`,
    );
    for (const session of this.#sessions) session.drain();
    if (await this.#allOver(grace * 1000)) return;
    const held = this.#held();
    this.#log.warning(`Unfinished at the end of --grace: ${held.length} requests: ${held.join("; ")}`);
    for (const session of this.#sessions) session.abandon();
    await this.#allOver(UNWIND);
    this.#closeAll();
  }

  /** Whether all sessions are over within so many ms. */
  async #allOver(milliseconds) {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, milliseconds, false)));
    const over = Promise.all([...this.#sessions].map((session) => session.over)).then(() => true);
    const done = await Promise.race([over, late]);
    clearTimeout(timer);
    return done;
  }

  #held() {
    return [...this.#sessions].flatMap((session) => [...session.exchanges.values()]);
  }

  #closeAll() {
    for (const session of this.#sessions) session.stream.destroy();
  }
}

function helloOf({ service, appVersion, routes, tier }, tunnels) {
  const host = hostname()
    .replace(/[^!-~]/g, "-")
    .slice(0, 64);
  return {
    workerId: `${host}-${process.pid}-${randomBytes(4).toString("hex")}`,
    service,
    version: appVersion,
    minorMin: MINOR,
    minorMax: MINOR,
    features: tunnels ? ["pause", "tunnel"] : ["pause"],
    routes,
    tier,
    instance: randomBytes(16),
    sdk: `prack-node/${VERSION} (Node ${process.version}; ${process.platform})`,
  };
}
