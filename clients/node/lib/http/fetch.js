// Handlers of the web's Request and Response, as listeners of node:http.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** A listener for a handler, which gets a Request and returns a Response, or a promise of one. */
export function listenerOf(handler) {
  return async (req, res) => {
    const response = await handler(requestOf(req, signalOf(res)));
    const fields = [...response.headers].flat();
    res.writeHead(response.status, ...(response.statusText ? [response.statusText] : []), fields);
    if (!response.body) return void res.end();
    res.flushHeaders();
    await pipeline(Readable.fromWeb(response.body), res);
  };
}

/** Aborted when the client leaves. */
function signalOf(res) {
  const aborter = new AbortController();
  res.on("close", () => res.writableFinished || aborter.abort());
  return aborter.signal;
}

function requestOf(req, signal) {
  const origin = `${req.socket.encrypted ? "https" : "http"}://${req.headers.host ?? "localhost"}`;
  const headers = new Headers();
  for (let i = 0; i < req.rawHeaders.length; i += 2) headers.append(req.rawHeaders[i], req.rawHeaders[i + 1]);
  const hasBody = req.method !== "GET" && req.method !== "HEAD";
  const body = hasBody ? { body: Readable.toWeb(req), duplex: "half" } : {};
  return new Request(new URL(req.url, origin), { method: req.method, headers, signal, ...body });
}
