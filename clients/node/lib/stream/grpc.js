// Streams over gRPC, for who has a proxy in between that speaks HTTP/2 only. Needs @grpc/grpc-js.

import { Writer } from "./codec.js";
import { GatewayFrame, WorkerFrame } from "./messages.js";
import { NOBODY, WRONG_TOKEN } from "./reasons.js";
import { pems } from "./tls.js";

const METHOD = "/prack.v1.WorkerService/Connect";
const MERGED = 4; // frames in one message, whose price is the same whatever is in it (1.6)
// What grpc-js says around the reason.
const ABOUT = /^No connection established\. Last error: (?:Error: )?(.*?)\. Resolution note:.*$/s;
const MISSING = "grpc:// needs a package that is not installed here: npm install @grpc/grpc-js";

/** A stream that is open, or soon is; see PlainStream. */
class GrpcStream {
  costly = true;
  isOpen = true;

  constructor(grpc, client, call) {
    Object.assign(this, { grpc, client, call });
  }

  listen({ frame, ended, closed }) {
    this.call.on("data", (bytes) => {
      try {
        frame(GatewayFrame.decode(bytes));
      } catch (error) {
        ended(`the gateway sent an invalid frame (${error.message})`);
      }
    });
    this.call.on("end", () => ended("the gateway ended the stream"));
    this.call.on("error", (error) => ended(this.#reason(error)));
    this.call.on("status", () => {
      this.isOpen = false;
      this.client.close();
      closed();
    });
  }

  #reason({ code, details }) {
    if (code === this.grpc.status.UNAUTHENTICATED) return WRONG_TOKEN;
    const said = details.replace(ABOUT, "$1");
    return code === this.grpc.status.UNAVAILABLE ? `${said} ${NOBODY}` : said;
  }

  write(messages, size, done) {
    const rest = messages.splice(MERGED);
    const writer = new Writer(size);
    for (const message of messages) WorkerFrame.encode(message, writer);
    this.call.write(writer.written(), () =>
      rest.length && this.isOpen ? this.write(rest, size, done) : done(),
    );
  }

  end() {
    this.isOpen = false;
    this.call.end();
  }

  /** gRPC ends the call with its status once the gateway has ended it. */
  close() {}

  destroy() {
    this.isOpen = false;
    this.call.cancel();
  }
}

/** See plain.js. gRPC connects when the first frame is written, and tells then what went wrong. */
export async function dial({ address, token, tls }) {
  const grpc = await import("@grpc/grpc-js").catch(() => {
    throw new Error(MISSING);
  });
  const client = new grpc.Client(address.authority, credentials(grpc, tls), {
    "grpc.enable_http_proxy": 0,
    ...(tls?.serverName ? { "grpc.ssl_target_name_override": tls.serverName } : {}),
  });
  const metadata = new grpc.Metadata();
  if (token) metadata.set("authorization", `Bearer ${token}`);
  const call = client.makeBidiStreamRequest(
    METHOD,
    (bytes) => bytes,
    (bytes) => bytes,
    metadata,
  );
  return new GrpcStream(grpc, client, call);
}

function credentials(grpc, tls) {
  if (!tls) return grpc.credentials.createInsecure();
  const { ca, key, cert } = pems(tls);
  return grpc.credentials.createSsl(ca || null, key || null, cert || null);
}
