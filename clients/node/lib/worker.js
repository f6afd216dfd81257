// Runs an application: connects, serves, drains; reconnects when the gateway is gone.

import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";
import { hostname } from "node:os";

import { Server } from "./http/server.js";
import { warnOfOpenSecrets } from "./secrets.js";
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
const WELCOME = 10_000;
const STOPPED = new Ending("the worker is stopping", { lost: false });
const FOREVER = 2 ** 31 - 1; // the longest that a timer of Node waits

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
  #sessions = new Set(); // that live
  #stop = new AbortController();
  #wake = () => {};
  #paused = false;
  #bound = SHORTEST;
  #trouble = ""; // the last one logged

  constructor(app, settings, log, name) {
    super();
    this.#settings = settings;
    this.#log = log;
    this.#server = new Server(app, log);
    this.#slots = new Slots(settings.slots, this.#server.tunnels ? settings.websocketSlots : 0);
    this.#hello = helloOf(settings, this.#server.tunnels);
    warnOfOpenSecrets(settings, log);
    log.info(`Running ${name} with ${settings.slots} slots`);
    this.stopped = this.#run();
  }

  /** Take no more requests and finish those that are held. Returns `stopped`. */
  drain() {
    if (!this.#stop.signal.aborted) {
      this.#stop.abort();
      this.emit("draining");
      this.#wake();
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
    this.#wake();
  }

  get #stopping() {
    return this.#stop.signal.aborted;
  }

  /** Wait until a condition holds, or for so many ms. Resolves to whether it holds. */
  async #until(condition, milliseconds = FOREVER) {
    const deadline = performance.now() + milliseconds;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0) return false;
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => resolve(clearTimeout(timer));
      });
    }
    return true;
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
    this.#log.info(`Connected to ${this.#settings.gateway.authority}`);
    if (this.#paused) session.pause(true);
    const began = performance.now();
    await this.#until(() => session.ending || this.#stopping);
    if (performance.now() - began >= HEALTHY) this.#bound = SHORTEST;
    const ending = session.ending ?? STOPPED;
    if (this.#stopping || !ending.retry) return ending;
    if (ending.lost) this.#log.warning(`Lost the gateway: ${ending.message}; reconnecting`);
    else this.#log.info(`${ending.message}; finishing the requests in progress, and reconnecting`);
    return ending;
  }

  /** Log a line when the reason changes, not for each attempt. */
  #report(trouble) {
    if (this.#stopping || trouble === this.#trouble) return;
    this.#trouble = trouble;
    this.#log.warning(
      `No gateway at ${this.#settings.gateway.authority}: ${trouble}; retrying until it answers`,
    );
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
    const session = new Session(dialled, {
      accept: (exchange) => this.#server.accept(exchange),
      changed: () => this.#changed(session),
      slots: this.#slots,
      log: this.#log,
      silence: this.#settings.maxSilence * 1000,
    });
    this.#sessions.add(session);
    session.greet({ ...this.#hello, capacity: this.#slots.offer(session) });
    const greeted = await this.#until(() => session.limits || session.ending, WELCOME);
    if (!greeted) session.lose(`no welcome within ${WELCOME / 1000} s`);
    return { session, ending: session.limits ? undefined : session.ending };
  }

  #changed(session) {
    if (session.isOver) this.#sessions.delete(session);
    this.#wake();
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
      address: gateway,
      token: tokenFile ? readToken(tokenFile) : token,
      tls,
    };
  }

  /** Wait before another dial, while paused, and until the sessions that live leave a slot free. */
  async #holdOff({ lost, after }) {
    let delay = after;
    if (lost || !after) {
      delay = Math.max(delay, Math.random() * this.#bound);
      this.#bound = Math.min(2 * this.#bound, LONGEST);
    }
    await this.#until(() => this.#stopping, delay);
    await this.#until(() => this.#stopping || (!this.#paused && this.#slots.hasFree([...this.#sessions])));
  }

  async #finish() {
    const { grace } = this.#settings;
    this.#log.info(
      `Stopping: ${this.#held().length} requests in progress, waiting up to ${grace} s (--grace)`,
    );
    for (const session of this.#sessions) session.drain();
    const over = () => !this.#sessions.size;
    if (await this.#until(over, grace * 1000)) return;
    const held = this.#held();
    this.#log.warning(`Unfinished at the end of --grace: ${held.length} requests: ${held.join("; ")}`);
    for (const session of this.#sessions) session.abandon();
    await this.#until(over, UNWIND);
    this.#closeAll();
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
