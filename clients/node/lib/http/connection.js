// One exchange as a connection that Node's own server serves: the request is what a client would have sent
// on it, and what the application answers is read back. So the application has Node's own objects.

import { Duplex } from "node:stream";

import { AbortCode } from "../stream/messages.js";
import { LAST_CHUNK, writeChunk, writeHead } from "./request.js";
import { ResponseReader } from "./response.js";

const BUFFER = 64 * 1024;

export class Connection extends Duplex {
  #exchange;
  #reader;
  #head;
  #chunked = false;
  #wanting = false; // Node wants bytes that have not come
  #served = false;
  #tunnel;
  #bodyEnded = false;

  /** With `tellsExpectation` the application sees the `expect` field, and continues by itself. */
  constructor(exchange, { isTunnel, tellsExpectation }) {
    super({ readableHighWaterMark: BUFFER, writableHighWaterMark: BUFFER });
    const { message } = exchange;
    this.#exchange = exchange;
    this.#tunnel = isTunnel;
    this.#reader = new ResponseReader(message.method, (head) => this.#hint(head));
    this.#head = writeHead(message, tellsExpectation);
    this.remoteAddress = message.client?.ip;
    this.remotePort = message.client?.port;
    this.remoteFamily = message.client?.ip.includes(":") ? "IPv6" : "IPv4";
    this.encrypted = message.scheme === "https";
    this.prack = { requestId: message.requestId, attempt: message.attempt };
    exchange.reader = this;
  }

  /** Have a server of node:http serve it. */
  serve(server) {
    server.emit("connection", this);
    this.#served = true;
  }

  // ---- what a socket has beside a stream; times are the gateway's matter

  setTimeout() {
    return this;
  }

  setNoDelay() {
    return this;
  }

  setKeepAlive() {
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  /** As a net.Socket: end when all is written. */
  destroySoon() {
    this.end();
  }

  // ---- the request

  /** Node resumes a connection when the application reads the body: that is when to continue (4.11). */
  resume() {
    if (this.#served) this.#exchange.want();
    return super.resume();
  }

  _read() {
    this.#wanting = false;
    if (this.#head) {
      const { bytes, chunked } = this.#head;
      this.#head = null;
      this.#chunked = chunked && !this.#tunnel;
      this.push(bytes);
      return;
    }
    const piece = this.#exchange.take();
    if (piece) this.push(this.#chunked ? writeChunk(piece) : piece);
    else if (this.#exchange.complete) this.#endBody();
    else this.#wanting = true;
  }

  #endBody() {
    if (this.#bodyEnded) return;
    this.#bodyEnded = true;
    this.#wanting = false;
    if (this.#tunnel) this.push(null);
    else if (this.#chunked) this.push(LAST_CHUNK);
  }

  /** See Exchange.reader. */
  bodyArrived() {
    if (this.#wanting) this._read();
  }

  /** See Exchange.reader. */
  cancelled() {
    this.destroy();
  }

  /** The worker stops: a WebSocket may never end by itself, so its client's side does. */
  draining() {
    if (this.#reader.tunnel) this.#endBody();
  }

  // ---- the response

  _write(bytes, _, done) {
    this._writev([{ chunk: bytes }], done);
  }

  _writev(chunks, done) {
    try {
      for (const { chunk } of chunks) this.#reader.feed(chunk);
    } catch (error) {
      return done(error);
    }
    const { head, pieces, last } = this.#reader.taken();
    this.#exchange.respond(head, pieces, last, done);
  }

  #hint({ status, headers }) {
    if (status === 100) this.#exchange.want();
    else this.#exchange.hint(status, headers);
  }

  _final(done) {
    if (!this.#reader.close())
      return done(new Error("the connection was closed before its response was complete"));
    this.#exchange.respond(null, [], this.#reader.taken().last, () => {
      done();
      process.nextTick(() => this.destroy()); // when Node's streams are done with it
    });
  }

  _destroy(error, done) {
    if (this.#reader.tunnel && !error) this.#exchange.close();
    this.#exchange.abort(AbortCode.HANDLER_ERROR, error?.message ?? "the application closed the connection");
    done(null);
  }
}
