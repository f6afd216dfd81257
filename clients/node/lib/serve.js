// The library: an application behind a Prack gateway.

import { basename } from "node:path";

import { listenerOf } from "./http/fetch.js";
import { logTo } from "./log.js";
import { readSettings } from "./settings.js";
import { Worker } from "./worker.js";

/**
 * Serve an application, a listener of requests or a server of node:http, until the worker is drained.
 * Throws SettingsError.
 */
export function serve(app, options = {}) {
  const settings = readSettings(options, process.env);
  return new Worker(
    app,
    settings,
    logTo(process.stderr, settings.logLevel),
    basename(process.argv[1] ?? "node"),
  );
}

/** Serve a handler of the web's Request and Response. */
serve.fetch = (handler, options) => serve(listenerOf(handler), options);

export { SettingsError } from "./settings.js";
export { GatewayRefused } from "./worker.js";
