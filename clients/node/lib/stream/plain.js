// The plain carrier (proto/README.md, 11): a stream is an upgrade on the REST port, and frames behind it.

import net from "node:net";

import { VERSION } from "../version.js";
import { encodeFrames, FrameReader } from "./frames.js";
import { GatewayFrame, WorkerFrame } from "./messages.js";
import { NOBODY, reasonOf, WRONG_TOKEN } from "./reasons.js";
import { distrust, secured } from "./tls.js";

const MAX_HEAD = 64 * 1024;
const DIAL_SECONDS = 10;
const HEAD_END = "\r\n\r\n";
const HINT = "(prack:// connects to the REST port of `prack serve`, 4242 by default)";
const SILENT = `the server closed the connection without a response ${HINT}`;
const REFUSALS = {
  400: "the server there refused the call: if it speaks TLS, use pracks://",
  401: WRONG_TOKEN,
  403:
    "the gateway does not take calls by this name without a token: set one on both sides, or name it " +
    "with --api-hosts of `prack serve`",
  426: "a proxy in between does not pass on the upgrade: configure it to, or use grpc://",
};

/** A stream that is open. */
class PlainStream {
  costly = false;

  constructor(socket, rest) {
    Object.assign(this, { socket, rest });
  }

  /** Calls `frame` with each message, `ended` with a sentence on the end, `closed` when nothing is left. */
  listen({ frame, ended, closed }) {
    const reader = new FrameReader(GatewayFrame);
    const take = (piece) => {
      try {
        for (const message of reader.take(piece)) frame(message);
      } catch (error) {
        ended(`the gateway sent an invalid frame (${error.message})`);
      }
    };
    this.socket.on("data", take);
    this.socket.on("error", (error) => ended(error.message));
    this.socket.on("end", () => ended("the gateway ended the stream"));
    this.socket.on("close", () => {
      ended("the connection was cut");
      closed();
    });
    if (this.rest.length) take(this.rest);
  }

  get isOpen() {
    return this.socket.writable;
  }

  /** Send messages; `done` is called when they were written, which takes about so many bytes. */
  write(messages, size, done) {
    this.socket.write(encodeFrames(WorkerFrame, messages, size), done);
  }

  /** Half-close. */
  end() {
    this.socket.end();
  }

  /** Close when what was written is gone. */
  close() {
    this.socket.destroySoon();
  }

  destroy() {
    this.socket.destroy();
  }
}

/**
 * Resolves to a stream on which the hello may be sent. The address is {authority, host, port}, and
 * `tls` is null or {ca, cert, key, serverName}, paths of files that are read now. A signal ends the dial.
 * Throws Error with a sentence for the log.
 */
export function dial({ address, token, tls: files }, signal) {
  const socket = files
    ? secured(address, files)
    : net.connect({ host: address.host, port: address.port, allowHalfOpen: true, noDelay: true });
  return new Promise((resolve, reject) => {
    const dialling = AbortSignal.any([signal, AbortSignal.timeout(DIAL_SECONDS * 1000)]);
    let head = "";
    const settle = (end, value) => {
      socket.removeAllListeners();
      dialling.removeEventListener("abort", late);
      end(value);
    };
    const fail = (reason) => {
      settle(reject, new Error(reason));
      socket.on("error", () => {}).destroy();
    };
    const late = () =>
      fail(signal.aborted ? "the worker is stopping" : `no answer within ${DIAL_SECONDS} s ${HINT}`);
    dialling.addEventListener("abort", late);
    socket.on("error", (error) =>
      fail(files ? distrust(error, address, files) : `${reasonOf(error)} ${NOBODY}`),
    );
    socket.on("close", () => fail(SILENT));
    socket.on("end", () => fail(SILENT));
    socket.on(files ? "secureConnect" : "connect", () => socket.write(upgrade(address, token)));
    socket.on("data", (data) => {
      head += data.toString("latin1");
      const end = head.indexOf(HEAD_END);
      if (end < 0 && head.length < MAX_HEAD) return;
      const refusal = refused(head);
      if (refusal) fail(refusal);
      else settle(resolve, new PlainStream(socket, Buffer.from(head.slice(end + HEAD_END.length), "latin1")));
    });
  });
}

function upgrade({ authority }, token) {
  const lines = [
    "GET /api/v1/stream HTTP/1.1",
    `Host: ${authority}`,
    "Connection: Upgrade",
    "Upgrade: prack.v1",
    `User-Agent: prack-node/${VERSION}`,
  ];
  if (token) lines.push(`Authorization: Bearer ${token}`);
  return lines.join("\r\n") + HEAD_END;
}

/** Why the response does not open a stream; undefined if it does. */
function refused(head) {
  const line = head.split("\r\n", 1)[0];
  const status = line.split(" ")[1];
  if (status === "101") return undefined;
  return REFUSALS[status] ?? `expected 101 Switching Protocols, got "${line.slice(0, 80)}" ${HINT}`;
}
