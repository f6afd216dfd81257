// The gateway's end of a stream, as a test directs it.

import { once } from "node:events";
import http from "node:http";

import { serve } from "../lib/serve.js";
import { encodeFrames, FrameReader } from "../lib/stream/frames.js";
import { GatewayFrame, WorkerFrame } from "../lib/stream/messages.js";

const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: prack.v1\r\n\r\n";
const WELCOME = {
  sessionId: "s",
  gatewayId: "g",
  minor: 1,
  features: ["pause", "tunnel"],
  limits: {},
  heartbeatMs: 60_000,
  deadAfterMs: 180_000,
};

export class Gateway {
  #server = http.createServer();
  #sessions = [];

  static async start() {
    const gateway = new Gateway();
    gateway.#server.listen(0, "127.0.0.1");
    await once(gateway.#server, "listening");
    gateway.#server.on("upgrade", (req, socket) => {
      socket.write(SWITCH);
      gateway.#sessions.push(new Session(socket, req));
      gateway.#server.emit("session");
    });
    return gateway;
  }

  get url() {
    return `prack://127.0.0.1:${this.#server.address().port}`;
  }

  /** The next session, greeted. */
  async session(welcome = {}) {
    while (!this.#sessions.length) await once(this.#server, "session");
    const session = this.#sessions.shift();
    session.hello = (await session.next("hello")).hello;
    session.send({ welcome: { ...WELCOME, ...welcome } });
    return session;
  }

  close() {
    this.#server.close();
  }
}

class Session {
  frames = [];
  #id = 0;

  constructor(socket, call) {
    this.socket = socket;
    this.call = call;
    const reader = new FrameReader(WorkerFrame);
    socket.on("data", (piece) => {
      for (const frame of reader.take(piece)) this.frames.push(frame);
      socket.emit("frames");
    });
    socket.on("error", () => {});
  }

  send(frame) {
    this.socket.write(encodeFrames(GatewayFrame, [frame]));
  }

  /** Hand out a request; its id. */
  request(request = {}) {
    const id = ++this.#id;
    const least = {
      method: "GET",
      scheme: "http",
      authority: "a",
      target: "/",
      httpVersion: "1.1",
      headers: ["host", "a"],
      end: true,
    };
    const client = { ip: "192.0.2.7", port: 50_123 };
    this.send({ requests: [{ id, requestId: `r${id}`, attempt: 1, client, ...least, ...request }] });
    return id;
  }

  /** The next frame in which a field has something, all frames before it are gone. */
  async next(field) {
    for (;;) {
      while (this.frames.length) {
        const frame = this.frames.shift();
        const value = frame[field];
        if (Array.isArray(value) ? value.length : value) return frame;
      }
      await once(this.socket, "frames");
    }
  }

  /** All that the worker says of an exchange, up to its end. */
  async answer(id) {
    const told = { hints: [], windows: [] };
    let body = Buffer.alloc(0);
    while (!told.end) {
      const frame = await this.frame();
      const mine = (events) => events.filter((event) => event.id === id);
      for (const head of mine(frame.heads)) {
        if (head.status > 101 && head.status < 200) {
          told.hints.push(head);
          continue;
        }
        Object.assign(told, { status: head.status, headers: head.headers });
        body = Buffer.concat([body, head.body]);
        if (head.end) told.end = "head";
      }
      for (const { data } of mine(frame.data)) body = Buffer.concat([body, data]);
      for (const { trailers } of mine(frame.finishes)) Object.assign(told, { end: "finish", trailers });
      for (const { code, message } of mine(frame.aborts))
        Object.assign(told, { end: "abort", code, message });
      told.windows.push(...mine(frame.windows).map((window) => window.maxOffset));
    }
    return { ...told, text: body.toString("latin1") };
  }

  async frame() {
    while (!this.frames.length) await once(this.socket, "frames");
    return this.frames.shift();
  }

  /** Let the worker go, as after its drain. */
  dismiss() {
    this.send({ goaway: { lastId: this.#id, drainAck: true } });
    this.socket.end();
  }
}

/** A worker with a greeted session, for one test. */
export async function connected(t, app, options = {}) {
  const gateway = await Gateway.start();
  const worker = serve(app, { gateway: gateway.url, logLevel: "error", ...options });
  const session = await gateway.session();
  t.after(async () => {
    gateway.close();
    const drained = worker.drain();
    session.dismiss();
    await drained;
  });
  return { gateway, session, worker };
}
