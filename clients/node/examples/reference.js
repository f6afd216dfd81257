// The application that `prack conformance` has workers serve (docs/conformance.md):
//
//     prack conformance prack -- clients/node/bin/prack-node.js clients/node/examples/reference.js

import http from "node:http";
import { pipeline } from "node:stream/promises";
import { setTimeout as pass } from "node:timers/promises";

import { WebSocketServer } from "ws";

const PAUSE = 400;
const BIG = 2_000_000;
const PLAIN = { "content-type": "text/plain" };
const BYTES = { "content-type": "application/octet-stream" };

function reply(res, text, status = 200, headers = PLAIN) {
  res.writeHead(status, headers).end(Buffer.from(`${text}\n`, "latin1"));
}

const routes = {
  hello: (_, res) => reply(res, "Hello", 200, { ...PLAIN, "content-length": 6 }),

  async echo(req, res) {
    res.writeHead(200, BYTES).flushHeaders();
    await pipeline(req, res);
  },

  async sink(req, res) {
    let size = 0;
    for await (const piece of req) size += piece.length;
    reply(res, size);
  },

  request(req, res) {
    const lines = [`${req.method} ${req.url}`];
    for (let i = 0; i < req.rawHeaders.length; i += 2)
      lines.push(`${req.rawHeaders[i]}: ${req.rawHeaders[i + 1]}`);
    reply(res, lines.join("\n"));
  },

  headers(_, res) {
    res.setHeader("X-Mixed-Case", "kept");
    res.setHeader("set-cookie", ["a=1", "b=2"]);
    res.setHeader("x-obs-text", "caf\xe9");
    res.setHeader("x-empty", "");
    reply(res, "headers");
  },

  status: (_, res, code) => res.writeHead(Number(code)).end(),

  early: (_, res) => reply(res, "not wanted", 403),

  async stream(_, res) {
    res.writeHead(200, PLAIN);
    for (const piece of ["one\n", "two\n"]) {
      res.write(piece);
      await pass(PAUSE);
    }
    res.end("three\n");
  },

  async big(_, res) {
    await pipeline(
      function* zeros() {
        for (let left = BIG; left > 0; left -= 50_000) yield Buffer.alloc(50_000);
      },
      res.writeHead(200, BYTES),
    );
  },

  async slow(_, res, milliseconds) {
    const left = new AbortController();
    res.on("close", () => left.abort());
    await pass(Number(milliseconds), null, { signal: left.signal }).then(
      () => reply(res, "slow"),
      () => {},
    );
  },

  fail() {
    throw new Error("this application fails, as it was asked to");
  },

  async "fail-late"(_, res) {
    res.writeHead(200, PLAIN).write("part");
    await pass(PAUSE);
    throw new Error("this application fails late, as it was asked to");
  },

  trailers(_, res) {
    res.writeHead(200, { ...PLAIN, trailer: "x-checksum" }).write("body\n");
    res.addTrailers({ "x-checksum": "42" });
    res.end();
  },

  hints(_, res) {
    res.writeEarlyHints({ link: "</style.css>; rel=preload" });
    reply(res, "hinted");
  },
};

const server = http.createServer((req, res) => {
  const [, name, rest] = req.url.split("?")[0].split("/");
  const route = Object.hasOwn(routes, name) ? routes[name] : () => reply(res, "no such route", 404);
  return route(req, res, rest);
});

const sockets = new WebSocketServer({
  server,
  path: "/ws",
  handleProtocols: (offered) => offered.has("kit") && "kit",
});
sockets.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    if (!isBinary && data.toString() === "bye") socket.close(4000, "done");
    else socket.send(data, { binary: isBinary });
  });
});

export default server;
