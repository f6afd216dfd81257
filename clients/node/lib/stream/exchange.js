// One request and its response: the windows of both bodies, and the events (proto/README.md, 4 and 5).

import { AbortCode } from "./messages.js";

/** How much of a request body may wait here; half of it is one grant (5.2). */
export const WINDOW = 512 * 1024;

const IDLE = { bodyArrived() {}, cancelled() {}, draining() {} };

export class Exchange {
  ended = false; // its last event is in the outbox
  complete = false; // the whole request body has come
  reader = IDLE; // told when `take` or `complete` have news, and when nobody waits any more
  #session;
  #pieces = []; // of the request body
  #consumed = 0;
  #granted;
  #headSent = false;
  #waiting = []; // pieces of the response body
  #last = null; // {trailers} once the response is complete
  #taken = null; // called when nothing of the response waits here
  #sent = 0;
  #limit;

  constructor(session, message) {
    this.#session = session;
    this.message = message;
    this.id = message.id;
    this.#limit = session.limits.window;
    this.#granted = message.expectContinue ? 0 : WINDOW;
    if (message.body.length) this.#pieces.push(message.body);
    this.complete = message.end;
  }

  /** As text for the log. */
  toString() {
    const { method, target, requestId } = this.message;
    return `${method} ${target.split("?")[0]} (${requestId})`;
  }

  // ---- the request body

  feed(data) {
    if (data.length) this.#pieces.push(data);
    this.reader.bodyArrived();
  }

  finishBody() {
    this.complete = true;
    this.reader.bodyArrived();
  }

  /** The next piece, which the application reads now; undefined if there is none yet. */
  take() {
    const piece = this.#pieces.shift();
    this.#consumed += piece?.length ?? 0;
    if (piece) this.want();
    return piece;
  }

  /** The application wants more: widens the window when half of it was read (4.11, 5.2). */
  want() {
    if (this.complete || this.ended || this.#granted > this.#consumed + WINDOW / 2) return;
    this.#granted = this.#consumed + WINDOW;
    this.#session.outbox.put("windows", { id: this.id, maxOffset: this.#granted });
  }

  // ---- the response

  /** A head before the final one (4.9). */
  hint(status, headers) {
    if (!this.ended) this.#putHead({ id: this.id, status, headers });
  }

  /**
   * Answer with a `head` of {status, headers}, unless it was sent, and `pieces` of the body, to which
   * nothing is added if there is a `last`, with the trailers. `taken` is called when none of it waits.
   */
  respond(head, pieces, last, taken) {
    if (this.ended) return taken();
    if (head && last && !last.trailers.length && this.#whole(head, pieces)) return taken();
    if (head) this.#putHead({ id: this.id, ...head });
    this.#headSent ||= Boolean(head);
    this.#waiting.push(...pieces);
    this.#last = last;
    this.#taken = taken;
    this.pump();
  }

  /** A small response is one event (4.3). */
  #whole(head, pieces) {
    const body = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    if (body.length > Math.min(this.#session.limits.chunk, this.#limit)) return false;
    this.#putHead({ id: this.id, ...head, body, end: true });
    this.#over();
    return true;
  }

  #putHead(head) {
    const size = head.headers.reduce((sum, text) => sum + text.length, head.body?.length ?? 0);
    this.#session.outbox.put("heads", head, size);
  }

  widen(limit) {
    if (limit <= this.#limit) return;
    this.#limit = limit;
    this.pump();
  }

  /** Send what the window and the outbox have room for. */
  pump() {
    while (this.#waiting.length && !this.ended) {
      if (!this.#session.outbox.room) return this.#session.awaitRoom(this);
      if (!this.#sendSome(this.#waiting[0])) return;
    }
    if (this.#last && !this.ended) {
      this.#session.outbox.put("finishes", { id: this.id, trailers: this.#last.trailers });
      this.#over();
    }
    this.#release();
  }

  #sendSome(piece) {
    const size = Math.min(piece.length, this.#session.limits.chunk, this.#limit - this.#sent);
    if (!size) return false;
    this.#session.outbox.put("data", { id: this.id, data: piece.subarray(0, size) }, size);
    this.#sent += size;
    if (size === piece.length) this.#waiting.shift();
    else this.#waiting[0] = piece.subarray(size);
    return true;
  }

  #release() {
    const taken = this.#taken;
    this.#taken = null;
    taken?.();
  }

  /** End without a complete response; what waits is discarded (1.2). */
  abort(code, message = "") {
    if (this.ended) return;
    this.#waiting = [];
    this.#session.outbox.put("aborts", { id: this.id, code, message });
    this.#over();
  }

  /** End now, with nothing more: of a body that ends with its connection. */
  close() {
    if (!this.#headSent || this.ended) return;
    this.#waiting = [];
    this.#last ??= { trailers: [] };
    this.pump();
  }

  /** Nobody waits for the response any more (4.6). */
  cancel() {
    this.abort(AbortCode.CANCELLED);
    this.reader.cancelled();
  }

  #over() {
    this.ended = true;
    this.#pieces = [];
    this.#session.drop(this);
  }
}
