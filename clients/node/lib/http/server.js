// Serves exchanges to an application, by a server of node:http that listens nowhere.

import { EventEmitter } from "node:events";
import http from "node:http";

import { Upgrade } from "../stream/messages.js";
import { Connection } from "./connection.js";

// Beyond the gateway's limit and what it adds, which are bytes of a request that it has taken.
const MAX_HEAD = 128 * 1024;
// For a method that Node does not know, for one.
const BAD_REQUEST = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

export class Server {
  /** Whether it takes WebSockets. */
  tunnels;
  #server;
  #continues;

  /** The application is a listener of requests, or a server of node:http, which need not listen. */
  constructor(given, log) {
    const app = typeof given === "function" ? new EventEmitter().on("request", given) : given;
    this.log = log;
    this.tunnels = app.listenerCount("upgrade") > 0;
    this.#continues = app.listenerCount("checkContinue") > 0;
    this.#server = http.createServer({ maxHeaderSize: MAX_HEAD, requireHostHeader: false });
    this.#server.on("clientError", (_, socket) => socket.end(BAD_REQUEST));
    this.#server.on("request", (...args) => this.#answer(app, "request", ...args));
    if (this.#continues) {
      this.#server.on("checkContinue", (...args) => this.#answer(app, "checkContinue", ...args));
    }
    if (this.tunnels) this.#server.on("upgrade", (...args) => this.#open(app, ...args));
  }

  /** Serve one exchange. */
  accept(exchange) {
    const isTunnel = exchange.message.upgrade === Upgrade.TUNNEL;
    new Connection(exchange, { isTunnel, tellsExpectation: this.#continues }).serve(this.#server);
  }

  async #answer(app, event, req, res) {
    res.shouldKeepAlive = false; // a connection has one request: it ends with the response
    try {
      await all(app, event, req, res);
    } catch (error) {
      if (req.socket.destroyed) return this.log.debug(...failure(req, error));
      this.log.error(...failure(req, error));
      fail(req, res);
    }
  }

  async #open(app, req, socket, head) {
    try {
      await all(app, "upgrade", req, socket, head);
    } catch (error) {
      this.log.error(...failure(req, error));
      socket.destroy(error);
    }
  }
}

/** Call the listeners of an event, and wait for those that are asynchronous. */
function all(emitter, event, ...args) {
  return Promise.all(emitter.rawListeners(event).map((listener) => listener.apply(emitter, args)));
}

/** A line for the log, and a stack. */
function failure(req, error) {
  return [`The application failed on request ${req.socket.prack.requestId}`, String(error?.stack ?? error)];
}

/** A plain 500 before the head; after it the client sees the cut (4.13). */
function fail(req, res) {
  if (res.headersSent) return void req.socket.destroy(new Error("the application failed"));
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  res.writeHead(500, { "content-type": "text/plain" }).end("Internal Server Error\n");
}
