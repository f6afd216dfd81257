// Express, and WebSockets with ws.
"use strict";
const { createHash } = require("node:crypto");
const { createServer } = require("node:http");
const express = require("express");
const { WebSocketServer } = require("ws");
const { seen } = require("./seen.js");

const app = express();
app.get("/plain", (request, response) => response.send("hello"));
app.all("/echo", express.raw({ type: () => true, limit: "4mb" }), (request, response) => {
  const { method, originalUrl: url } = request;
  const body = createHash("sha256").update(request.body ?? "").digest("hex");
  response.json({ method, url, headers: seen(request.rawHeaders), body });
});
app.post("/form", express.urlencoded(), (request, response) => response.json(request.body));
app.get("/cookies", (request, response) => response.cookie("a", "1").cookie("b", "2").end());
app.get("/redirect", (request, response) => response.redirect("/plain?x=%20"));
app.get("/nothing", (request, response) => response.status(204).end());
app.get("/large", (request, response) => response.send("0123456789".repeat(200000)));
app.get("/fails", () => {
  throw new Error("on purpose");
});
app.use("/files", express.static(__dirname));

const server = createServer(app);
const sockets = new WebSocketServer({
  server,
  path: "/socket",
  perMessageDeflate: true,
  handleProtocols: (offered) => [...offered].at(-1),
});
sockets.on("connection", (socket, request) => {
  socket.send(JSON.stringify([request.headers.host, request.headers.origin]));
  socket.on("message", (data, binary) => {
    if (String(data) === "close") socket.close(4000, "asked");
    else socket.send(data, { binary });
  });
});
server.listen(process.env.PORT, "127.0.0.1");
