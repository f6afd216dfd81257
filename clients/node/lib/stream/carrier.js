// Opens a stream over the plain carrier (proto/README.md, 11.2): an upgrade on the REST port.

import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";

import { VERSION } from "../version.js";

const MAX_HEAD = 64 * 1024;
const DIAL_SECONDS = 10;
const HEAD_END = "\r\n\r\n";
const HINT = "(prack:// connects to the REST port of `prack serve`, 4242 by default)";
const SILENT = `the server closed the connection without a response ${HINT}`;
const REFUSALS = {
  400: "the server there refused the call: if it speaks TLS, use pracks://",
  401: "the gateway rejects this token: check PRACK_TOKEN or --token-file",
  403: "the gateway does not take calls by this name without a token: set one on both sides, or name it with --api-hosts of `prack serve`",
  426: "a proxy in between does not pass on the upgrade: configure it to",
};
const NOT_TLS = "the server there speaks no TLS: use prack://, or start `prack serve` with --api-tls-cert and --api-tls-key";
const PROTOCOL_ERRORS = /^ERR_SSL_|^EPROTO$/;

/**
 * A connection on which frames may be sent, and what has come of those; its address is {host, port}, and
 * `tls` is null or {ca, cert, key, serverName}, paths of files that are read now. A signal ends the dial.
 * Throws Error with a sentence for the log.
 */
export function dial({ address, token, tls: files }, signal) {
  const socket = files ? secured(address, files) : net.connect({ ...address, allowHalfOpen: true, noDelay: true });
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
    const late = () => fail(signal.aborted ? "the worker is stopping" : `no answer within ${DIAL_SECONDS} s ${HINT}`);
    dialling.addEventListener("abort", late);
    socket.on("error", (error) => fail(files ? distrust(error, address, files) : `${reasonOf(error)} (is \`prack serve\` running there?)`));
    socket.on("close", () => fail(SILENT));
    socket.on("end", () => fail(SILENT));
    socket.on(files ? "secureConnect" : "connect", () => socket.write(upgrade(address, token)));
    socket.on("data", (data) => {
      head += data.toString("latin1");
      const end = head.indexOf(HEAD_END);
      if (end < 0 && head.length < MAX_HEAD) return;
      const refusal = refused(head);
      if (refusal) fail(refusal);
      else settle(resolve, { socket, rest: Buffer.from(head.slice(end + HEAD_END.length), "latin1") });
    });
  });
}

function upgrade({ host, port }, token) {
  const name = host.includes(":") ? `[${host}]` : host;
  const lines = [
    "GET /api/v1/stream HTTP/1.1",
    `Host: ${name}:${port}`,
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

function secured({ host, port }, { ca, cert, key, serverName }) {
  return tls.connect({
    host,
    port,
    ca: ca && readFileSync(ca),
    cert: cert && readFileSync(cert),
    key: key && readFileSync(key),
    servername: serverName || (net.isIP(host) ? "" : host),
    checkServerIdentity: (name, certificate) => tls.checkServerIdentity(serverName || host, certificate),
    ALPNProtocols: ["http/1.1"],
    minVersion: "TLSv1.2",
  }).setNoDelay(true);
}

/** Why there is no connection over TLS. */
function distrust(error, { host }, { ca, serverName }) {
  if (error.code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the gateway's certificate is not for ${serverName || host}: call it by a name that it is for, or give that to the worker with --tls-server-name`;
  }
  if (PROTOCOL_ERRORS.test(error.code)) return error.reason === "wrong version number" ? NOT_TLS : uncertified(error);
  if (error.syscall) return `${reasonOf(error)} (is \`prack serve\` running there?)`;
  return `the gateway's certificate is not trusted (${error.message}): expected one signed by ${ca || "an authority that Node knows"}; name its authority with --tls-ca`;
}

function uncertified(error) {
  return `the gateway ended the TLS handshake (${error.reason ?? error.message}): it may demand a certificate of an authority that it trusts; give one with --tls-cert and --tls-key`;
}

/** Of several addresses that were tried, what the last one said. */
function reasonOf(error) {
  return (error.errors?.at(-1) ?? error).message;
}
