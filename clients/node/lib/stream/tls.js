// Connections over TLS with a gateway, and why there is none.

import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";

import { NOBODY, reasonOf } from "./reasons.js";

const NOT_TLS =
  "the server there speaks no TLS: use prack://, or start `prack serve` with --api-tls-cert and --api-tls-key";
const PROTOCOL_ERRORS = /^ERR_SSL_|^EPROTO$/;
const WRONG_VERSION = "wrong version number"; // what OpenSSL says when a server answers in another protocol

/** A connection with a server. Throws Error if the files cannot be used. */
export function secured({ host, port }, { serverName, ...files }) {
  return tls
    .connect({
      host,
      port,
      ...pems(files),
      servername: serverName || (net.isIP(host) ? "" : host),
      checkServerIdentity: (_, certificate) => tls.checkServerIdentity(serverName || host, certificate),
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
    })
    .setNoDelay(true);
}

/** What is in the files {ca, cert, key}, each of which may be missing. Throws Error, with what was expected. */
export function pems(files) {
  const read = (name) => files[name] && readFileSync(files[name]);
  try {
    const found = { ca: read("ca"), cert: read("cert"), key: read("key") };
    tls.createSecureContext(found);
    return found;
  } catch (error) {
    throw new Error(
      `the files of --tls-ca, --tls-cert and --tls-key cannot be used (${error.message}): expected PEM, and a ` +
        "key of the certificate without a password",
    );
  }
}

/** Why there is no connection over TLS, as a sentence for the log. */
export function distrust(error, { host }, { ca, serverName }) {
  if (error.code === "ERR_TLS_CERT_ALTNAME_INVALID") return misnamed(serverName || host);
  if (PROTOCOL_ERRORS.test(error.code)) return error.reason === WRONG_VERSION ? NOT_TLS : uncertified(error);
  return error.syscall ? `${reasonOf(error)} ${NOBODY}` : untrusted(error, ca);
}

function misnamed(name) {
  return (
    `the gateway's certificate is not for ${name}: call it by a name that it is for, or give that to the ` +
    "worker with --tls-server-name"
  );
}

function untrusted(error, ca) {
  return (
    `the gateway's certificate is not trusted (${error.message}): expected one signed by ` +
    `${ca || "an authority that Node knows"}; name its authority with --tls-ca`
  );
}

function uncertified(error) {
  return (
    `the gateway ended the TLS handshake (${error.reason ?? error.message}): it may demand a certificate of ` +
    "an authority that it trusts; give one with --tls-cert and --tls-key"
  );
}
