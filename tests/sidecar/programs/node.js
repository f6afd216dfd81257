// Node's own HTTP server.
"use strict";
const { createHash } = require("node:crypto");
const { createServer } = require("node:http");
const { gzipSync } = require("node:zlib");
const { seen } = require("./seen.js");

function digest(request, done) {
  const hash = createHash("sha256");
  request.on("data", (piece) => hash.update(piece));
  request.on("end", () => done(hash.digest("hex")));
}

const pages = {
  "/plain": (request, response) => response.end("hello"),
  "/echo": (request, response) =>
    digest(request, (body) => {
      response.setHeader("content-type", "application/json");
      const { method, url } = request;
      response.end(JSON.stringify({ method, url, headers: seen(request.rawHeaders), body }));
    }),
  "/mirror": (request, response) => request.pipe(response),
  "/pieces": (request, response) => {
    response.write("one");
    setImmediate(() => response.end("two"));
  },
  "/cookies": (request, response) => {
    response.setHeader("Set-Cookie", ["a=1", "b=2"]);
    response.end();
  },
  "/redirect": (request, response) => response.writeHead(302, { Location: "/plain?x=%20" }).end(),
  "/nothing": (request, response) => response.writeHead(204).end(),
  "/gzip": (request, response) => {
    response.setHeader("Content-Encoding", "gzip");
    response.end(gzipSync("x".repeat(5000)));
  },
  "/large": (request, response) => response.end(Buffer.alloc(2 << 20, "0123456789")),
  "/hints": (request, response) => {
    response.writeEarlyHints({ link: "</a.css>; rel=preload" });
    response.end("hinted");
  },
  "/trailers": (request, response) => {
    response.setHeader("Trailer", "X-Sum");
    response.write("summed");
    response.addTrailers({ "X-Sum": "7" });
    response.end();
  },
};

createServer((request, response) => {
  const page = pages[request.url.split("?")[0]];
  if (page) page(request, response);
  else response.writeHead(404).end("no page");
}).listen(process.env.PORT, "127.0.0.1");
