// The slots of a worker, shared by its sessions: while a gateway is replaced the newest one offers what
// the older ones do not hold (proto/README.md, 3 and 7.4).

import { Upgrade } from "./messages.js";

/** The slots of one kind. */
class Kind {
  held = new Map(); // exchanges by session
  running = 0;
  waiting = []; // exchanges that came beyond the slots

  constructor(size) {
    this.size = size;
  }

  heldBy(session) {
    return this.held.get(session) ?? 0;
  }

  count(session, change) {
    const held = this.heldBy(session) + change;
    if (held) this.held.set(session, held);
    else this.held.delete(session);
  }

  /** What a session may offer: what others do not hold, at least one. */
  free(newest) {
    let free = this.size;
    for (const [session, held] of this.held) if (session !== newest) free -= held;
    return Math.min(Math.max(free, 1), this.size);
  }
}

export class Slots {
  #requests;
  #webSockets;
  #newest = null;
  #offered = null;

  /** Without any for WebSockets, those take the others. */
  constructor(size, webSocketSize) {
    this.#requests = new Kind(size);
    this.#webSockets = new Kind(webSocketSize);
  }

  /** The capacity of the hello of the next session, which is the newest from now on. */
  offer(session) {
    this.#newest = session;
    this.#offered = this.#capacity();
    return this.#offered;
  }

  #capacity() {
    return {
      maxInFlight: this.#requests.free(this.#newest),
      maxWebsockets: this.#webSockets.free(this.#newest),
    };
  }

  /** Whether the sessions that live leave a slot of requests free. */
  hasFree(sessions) {
    return sessions.reduce((sum, one) => sum + this.#requests.heldBy(one), 0) < this.#requests.size;
  }

  /** Take a slot for an exchange; `start` is called when there is one. */
  enter(session, exchange, start) {
    const kind = this.#kind(exchange);
    kind.count(session, 1);
    if (session !== this.#newest) this.share();
    exchange.start = () => {
      kind.running++;
      exchange.start = null;
      start();
    };
    if (kind.running < kind.size) exchange.start();
    else kind.waiting.push(exchange);
  }

  /** An exchange has ended. */
  leave(session, exchange) {
    const kind = this.#kind(exchange);
    kind.count(session, -1);
    if (exchange.start) kind.waiting.splice(kind.waiting.indexOf(exchange), 1);
    else kind.running--;
    if (kind.running < kind.size) kind.waiting.shift()?.start();
    if (session !== this.#newest) this.share();
  }

  /** Tell the newest session how many slots it has, once it may send that. */
  share() {
    if (!this.#newest.limits) return;
    const free = this.#capacity();
    const { maxInFlight, maxWebsockets } = this.#offered;
    if (free.maxInFlight === maxInFlight && free.maxWebsockets === maxWebsockets) return;
    this.#offered = free;
    this.#newest.resize(free);
  }

  #kind({ message }) {
    return message.upgrade !== Upgrade.UNSPECIFIED && this.#webSockets.size
      ? this.#webSockets
      : this.#requests;
  }
}
