import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import test from "node:test";

import { serve } from "../lib/serve.js";
import { AbortCode } from "../lib/stream/messages.js";
import { connected, Gateway } from "./gateway.js";

const whole = (res, text) => res.writeHead(200, { "content-length": text.length }).end(text);

test("a hello says what was set", async (t) => {
  const options = {
    slots: 3,
    service: "web",
    appVersion: "v2",
    tier: 1,
    routes: ["GET /a", "b.example/"],
    token: "secret",
  };
  const { session } = await connected(t, () => {}, options);
  const { hello, call } = session;
  assert.equal(call.headers.authorization, "Bearer secret");
  assert.deepEqual([hello.service, hello.version, hello.tier, hello.features], ["web", "v2", 1, ["pause"]]);
  assert.deepEqual(hello.capacity, { maxInFlight: 3, maxWebsockets: 0 });
  assert.deepEqual(hello.routes[0], { host: "", path: "/a", methods: ["GET"] });
  assert.equal(hello.instance.length, 16);
});

test("a listener has Node's own objects, with the client's address", async (t) => {
  const { session } = await connected(t, (req, res) => {
    const { remoteAddress, remotePort, encrypted, prack } = req.socket;
    whole(
      res,
      JSON.stringify([
        req instanceof http.IncomingMessage,
        res instanceof http.ServerResponse,
        remoteAddress,
        remotePort,
        encrypted,
        prack.requestId,
        prack.attempt,
      ]),
    );
  });
  const { text, end } = await session.answer(session.request({ scheme: "https", attempt: 2 }));
  assert.deepEqual([JSON.parse(text), end], [[true, true, "192.0.2.7", 50_123, true, "r1", 2], "head"]);
});

test("an asynchronous listener that fails answers with 500", async (t) => {
  const { session } = await connected(
    t,
    async (_, res) => {
      res.setHeader("x-half", "done");
      throw new Error("as it was asked to");
    },
    { logLevel: "error" },
  );
  const { status, headers } = await session.answer(session.request());
  assert.equal(status, 500);
  assert.ok(!headers.includes("x-half"));
});

test("a response that is shorter than its length is cut, and gives its slot back", async (t) => {
  const { session } = await connected(
    t,
    (_, res) => void res.writeHead(200, { "content-length": 10 }).end("abc"),
  );
  const { end, code } = await session.answer(session.request());
  assert.deepEqual([end, code], ["abort", AbortCode.HANDLER_ERROR]);
});

test("a method that Node does not know gets Node's own 400", async (t) => {
  const { session } = await connected(t, () => assert.fail("not called"));
  const { status, end } = await session.answer(session.request({ method: "BREW" }));
  assert.deepEqual([status, end], [400, "head"]);
});

test("a body without a length is read in chunks", async (t) => {
  const { session } = await connected(t, async (req, res) => {
    let text = "";
    for await (const piece of req) text += piece;
    whole(res, `${req.headers["transfer-encoding"]} ${text}`);
  });
  const id = session.request({ method: "POST", body: Buffer.from("a"), end: false, bodyLength: -1 });
  session.send({ data: [{ id, data: Buffer.from("bc") }], finishes: [{ id }] });
  assert.equal((await session.answer(id)).text, "chunked abc");
});

test("a client of HTTP/1.0 gets a body without chunks", async (t) => {
  const { session } = await connected(t, (_, res) => {
    res.write("one ");
    res.end("two");
  });
  const { text, end } = await session.answer(session.request({ httpVersion: "1.0", headers: [] }));
  assert.deepEqual([text, end], ["one two", "finish"]);
});

test("the client's departure closes req and res, and is no failure", async (t) => {
  let closed;
  const { session } = await connected(t, (_, res) => {
    closed = once(res, "close");
    res.write("begun");
  });
  const id = session.request();
  await session.next("heads");
  session.send({ cancels: [{ id, reason: 1 }] });
  const { aborts } = await session.next("aborts");
  assert.deepEqual(
    aborts.map((one) => one.code),
    [AbortCode.CANCELLED],
  );
  await closed;
});

test("a server decides by itself when to continue", async (t) => {
  const server = http.createServer().on("checkContinue", (req, res) => {
    if (req.url === "/no") return void res.writeHead(417).end();
    res.writeContinue();
    req.on("end", () => whole(res, req.headers.expect)).resume();
  });
  const { session } = await connected(t, server);
  const expecting = {
    method: "POST",
    end: false,
    headers: ["content-length", "2"],
    bodyLength: 2,
    expectContinue: true,
  };
  const refused = await session.answer(session.request({ ...expecting, target: "/no" }));
  assert.deepEqual([refused.status, refused.windows], [417, []]);
  const id = session.request(expecting);
  await session.next("windows");
  session.send({ data: [{ id, data: Buffer.from("ab") }], finishes: [{ id }] });
  assert.equal((await session.answer(id)).text, "100-continue");
});

test("fetch: a request and a response of the web", async (t) => {
  const app = async (request) => {
    const headers = new Headers([
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
      ["x-url", request.url],
    ]);
    return new Response(`${request.method} ${await request.text()}`, { status: 201, headers });
  };
  const gateway = await Gateway.start();
  const worker = serve.fetch(app, { gateway: gateway.url, logLevel: "error" });
  const session = await gateway.session();
  const post = {
    method: "POST",
    target: "/a?b",
    headers: ["host", "shop.example", "content-length", "4"],
    body: Buffer.from("body"),
  };
  const { status, headers, text } = await session.answer(session.request(post));
  assert.deepEqual([status, text], [201, "POST body"]);
  const fields = headers.join(" ");
  assert.match(fields, /set-cookie a=1 set-cookie b=2/);
  assert.match(fields, /x-url http:\/\/shop\.example\/a\?b/);
  gateway.close();
  worker.drain();
  session.dismiss();
  await worker.stopped;
});

test("fetch: the signal is aborted when the client leaves", async (t) => {
  const gateway = await Gateway.start();
  let aborted;
  const worker = serve.fetch(
    ({ signal }) => {
      aborted = once(signal, "abort");
      return new Response(
        new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("begun")) }),
      );
    },
    { gateway: gateway.url, logLevel: "error" },
  );
  const session = await gateway.session();
  const id = session.request();
  await session.next("heads");
  session.send({ cancels: [{ id, reason: 1 }] });
  await aborted;
  gateway.close();
  worker.drain();
  session.dismiss();
  await worker.stopped;
});

test("a server with a listener of upgrades takes tunnels, and may close them when it drains", async (t) => {
  const server = http.createServer();
  const sockets = [];
  server.on("upgrade", (_, socket) => {
    sockets.push(socket);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\nwelcome");
    socket.on("end", () => socket.end()).resume();
  });
  const { session, worker } = await connected(t, server, { websocketSlots: 5 });
  assert.deepEqual(session.hello.features, ["pause", "tunnel"]);
  assert.equal(session.hello.capacity.maxWebsockets, 5);
  worker.on("draining", () => sockets[0].write("goodbye"));
  const id = session.request({
    upgrade: 2,
    end: false,
    headers: ["connection", "Upgrade", "upgrade", "websocket"],
  });
  await session.next("heads");
  worker.drain();
  const { text, end } = await session.answer(id);
  assert.deepEqual([text.replace("welcome", ""), end], ["goodbye", "finish"]);
});

test("what a client still sends in a tunnel of a worker that drains is left aside", async (t) => {
  const server = http.createServer();
  const sockets = [];
  server.on("upgrade", (_, socket) => {
    sockets.push(socket);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n");
    socket.resume();
  });
  const { session, worker } = await connected(t, server);
  const id = session.request({
    upgrade: 2,
    end: false,
    headers: ["connection", "Upgrade", "upgrade", "websocket"],
  });
  await session.next("heads");
  worker.drain();
  await session.next("drain");
  session.send({ data: [{ id, data: Buffer.from("more") }], heartbeat: { nonce: 7 } });
  await session.next("heartbeat");
  sockets[0].end("goodbye");
  const { text, end } = await session.answer(id);
  assert.deepEqual([text, end], ["goodbye", "finish"]);
});

test("a drain finishes what is held, then half-closes", async (t) => {
  const answers = [];
  const { session, worker } = await connected(t, (_, res) => answers.push(() => whole(res, "late")));
  const id = session.request();
  const cancelled = session.request();
  session.send({ cancels: [{ id: cancelled, reason: 1 }] });
  await session.next("aborts");
  worker.drain();
  await session.next("drain");
  session.send({ goaway: { lastId: cancelled, drainAck: true } });
  answers[0]();
  assert.equal((await session.answer(id)).text, "late");
  await once(session.socket, "end");
});

test("what is held at the end of the grace is aborted", async (t) => {
  const { session, worker } = await connected(t, () => {}, { grace: 0.05 });
  const id = session.request();
  worker.drain();
  const { end, code } = await session.answer(id);
  assert.deepEqual([end, code], ["abort", AbortCode.HANDLER_ERROR]);
});

test("a pause is told to the gateway, and ends", async (t) => {
  const { session, worker } = await connected(t, () => {});
  worker.pause();
  assert.deepEqual((await session.next("pause")).pause, { paused: true });
  worker.resume();
  assert.deepEqual((await session.next("pause")).pause, { paused: false });
});

test("while a gateway is replaced, the new session offers what the old one does not hold", async (t) => {
  const held = [];
  const { gateway, session } = await connected(t, (_, res) => held.push(res), { slots: 2 });
  const id = session.request();
  session.send({ goaway: { reason: "stopping", reconnectInMs: 1 } });
  const newer = await gateway.session();
  assert.equal(newer.hello.capacity.maxInFlight, 1);
  whole(held[0], "done");
  await session.answer(id);
  assert.equal((await newer.next("capacity")).capacity.maxInFlight, 2);
  newer.dismiss();
  newer.socket.on("end", () => {});
});

test("a refusal for good rejects", async (t) => {
  const gateway = await Gateway.start();
  t.after(() => gateway.close());
  const worker = serve(() => {}, { gateway: gateway.url, logLevel: "error" });
  const session = await gateway.session();
  session.send({ error: { code: "bad_capacity", message: "too many", retry: false } });
  await assert.rejects(worker.stopped, /the gateway refuses this worker: bad_capacity: too many/);
});
