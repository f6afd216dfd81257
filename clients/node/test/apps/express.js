// An Express app with middleware, server-sent events and WebSockets, in a program of its own.

import http from "node:http";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";

import express from "express";
import { serve } from "prack-node";
import { WebSocketServer } from "ws";

const app = express();
app.disable("x-powered-by");
app.set("trust proxy", true);
app.use("/json", express.json());

app.all("/run/:nonce", (req, res) => res.type("text").send(`${req.params.nonce} ${process.pid} node\n`));
app.post("/json", (req, res) => res.json({ got: req.body, ip: req.ip, protocol: req.protocol }));
app.get("/file", (_, res) => res.sendFile(fileURLToPath(new URL("../../README.md", import.meta.url))));
app.get("/fail", async () => {
  throw new Error("as it was asked to");
});
app.get("/lines", (_, res) => {
  const gzip = createGzip();
  gzip.pipe(res.type("text").set("content-encoding", "gzip"));
  for (let n = 0; n < 1000; n++) gzip.write(`${n}\n`);
  gzip.end();
});
app.get("/events", (req, res) => {
  res.type("text/event-stream").flushHeaders();
  let n = 0;
  const ticks = setInterval(() => res.write(`data: ${++n}\n\n`), 10);
  req.on("close", () => {
    clearInterval(ticks);
    console.log("the reader of the events has left");
  });
});
app.post("/upload", async (req, res) => {
  let size = 0;
  for await (const piece of req) size += piece.length;
  res.send(`${size}\n`);
});

const server = http.createServer(app);
const sockets = new WebSocketServer({ server, path: "/ws", perMessageDeflate: true });
sockets.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));

const worker = serve(server);
worker.on("draining", () => sockets.clients.forEach((socket) => socket.close(1012)));
process.on("SIGTERM", () => worker.drain());
