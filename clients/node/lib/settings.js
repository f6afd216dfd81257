// The settings of a worker: what was given before PRACK_* variables before defaults; all mistakes at once.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { LEVELS } from "./log.js";
import { parseRoutes } from "./routes.js";

const MAX_SLOTS = 10_000;
const PORTS = { prack: 4242, grpc: 4243 };
const NAME = /^[!-~]{0,128}$/;
const TOKEN = /^[!-~]+$/;
const SERVER = /^[a-z0-9._:-]*$/i;

/** Settings are wrong; a line for each mistake. */
export class SettingsError extends Error {
  name = "SettingsError";
}

function gateway(text) {
  const [, carrier, secure, rest] = /^(prack|grpc)(s?):\/\/(.*)$/.exec(text) ?? [];
  if (!carrier)
    throw new Error("expected prack:// or grpc://, or with TLS pracks:// or grpcs://, then host:port");
  const url = URL.canParse(`http://${rest}`) ? new URL(`http://${rest}`) : null;
  if (!url?.hostname || url.pathname !== "/" || url.search || url.hash || url.username) {
    throw new Error("expected only a host and a port after the scheme");
  }
  const port = Number(/:(\d+)\/?$/.exec(rest)?.[1] ?? PORTS[carrier]);
  const authority = `${url.hostname}:${port}`; // with the brackets of an IPv6 address
  return { authority, host: url.hostname.replace(/^\[|\]$/g, ""), port, secure: secure === "s", carrier };
}

const whole = (least, most) => (text) => {
  if (!/^\d+$/.test(text) || Number(text) < least || Number(text) > most) {
    throw new Error(`expected a whole number from ${least} to ${most}`);
  }
  return Number(text);
};

const seconds = (least, most) => (text) => {
  if (text === "") return 0;
  const number = text.trim() === "" ? NaN : Number(text);
  if (!(number >= least && number <= most)) throw new Error(`expected seconds from ${least} to ${most}`);
  return number;
};

const matching = (pattern, expected) => (text) => {
  if (!pattern.test(text)) throw new Error(`expected ${expected}`);
  return text;
};

const name = matching(NAME, "at most 128 visible ASCII characters, without spaces");
const token = (text) => text && matching(TOKEN, "visible ASCII characters, without spaces")(text);
const level = (text) => {
  if (!LEVELS.includes(text)) throw new Error(`expected one of ${LEVELS.join(", ")}`);
  return text;
};

/** Resolved now, as the application may change its folder. */
const file = (text) => text && resolve(text);

function tokenFile(text) {
  if (text) readToken(text);
  return file(text);
}

/** The token that a file holds; the error never tells what is in it. */
export function readToken(path) {
  let text;
  try {
    text = readFileSync(path, "latin1").trim();
  } catch (error) {
    throw new Error(`cannot be read: ${error.message}`);
  }
  return matching(TOKEN, "visible ASCII characters, without spaces, in this file")(text);
}

/** Each setting: its variable, default, parser, and for the command the metavariable and the help. */
export const OPTIONS = {
  gateway: [
    "PRACK_GATEWAY",
    "prack://127.0.0.1:4242",
    gateway,
    "URL",
    "prack://host:port; or grpc://host:port for the same over gRPC; over TLS pracks:// or grpcs://",
  ],
  tlsCa: [
    "PRACK_TLS_CA",
    "",
    file,
    "FILE",
    "authorities, as PEM, that may have signed the gateway's certificate (default: those that Node knows)",
  ],
  tlsCert: [
    "PRACK_CLIENT_CERT",
    "",
    file,
    "FILE",
    "certificate of this worker, as PEM, for a gateway that demands one",
  ],
  tlsKey: ["PRACK_CLIENT_KEY", "", file, "FILE", "its key"],
  tlsServerName: [
    "PRACK_TLS_SERVER_NAME",
    "",
    matching(SERVER, "a name such as gateway.example.com"),
    "NAME",
    "name that the gateway's certificate must be for (default: the host of --gateway)",
  ],
  slots: ["PRACK_SLOTS", "64", whole(1, MAX_SLOTS), "N", `requests to hold at a time, 1 to ${MAX_SLOTS}`],
  websocketSlots: [
    "PRACK_WEBSOCKET_SLOTS",
    "1000",
    whole(0, MAX_SLOTS),
    "N",
    "WebSockets to hold beside them; 0: they take the same slots",
  ],
  routes: [
    "PRACK_ROUTES",
    "",
    parseRoutes,
    "ROUTE",
    '"[METHODS ]host/path" to serve; may be repeated (default: every request)',
  ],
  service: ["PRACK_SERVICE", "", name, "NAME", "what this worker runs, for metrics and canaries"],
  appVersion: ["PRACK_APP_VERSION", "", name, "NAME", "the build of what it runs"],
  tier: [
    "PRACK_TIER",
    "0",
    whole(0, 9),
    "N",
    "0 to 9: gets requests only while lower tiers have no free slot",
  ],
  grace: ["PRACK_GRACE", "30", seconds(0, 86_400), "SECONDS", "how long a stop waits for requests to finish"],
  maxSilence: [
    "PRACK_MAX_SILENCE",
    "",
    seconds(1, 3600),
    "SECONDS",
    "how long the gateway may be silent before the worker reconnects (default: the gateway's own)",
  ],
  tokenFile: [
    "PRACK_TOKEN_FILE",
    "",
    tokenFile,
    "FILE",
    "file with the gateway's token; read at each connection attempt (or set PRACK_TOKEN)",
  ],
  token: ["PRACK_TOKEN", "", token],
  logLevel: ["PRACK_LOG_LEVEL", "info", level, "LEVEL", `one of ${LEVELS.join(", ")}`],
};

/**
 * The settings of what was `given` and of the environment. `source` says how the giver names an option.
 * Throws SettingsError.
 */
export function readSettings(given, environment, source = (option) => option) {
  const unknown = Object.keys(given).filter((option) => !(option in OPTIONS));
  const mistakes = unknown.map(
    (option) => `${option}: there is no such option; expected one of ${Object.keys(OPTIONS).join(", ")}`,
  );
  const settings = {};
  for (const [option, [variable, otherwise, parse]] of Object.entries(OPTIONS)) {
    const text = given[option] === undefined ? environment[variable] || otherwise : String(given[option]);
    try {
      settings[option] = parse(text);
    } catch (error) {
      const shown = option === "token" ? "" : ` "${text}"`;
      mistakes.push(`${given[option] === undefined ? variable : source(option)}${shown}: ${error.message}`);
    }
  }
  if (Boolean(settings.tlsCert) !== Boolean(settings.tlsKey)) {
    mistakes.push(`${source("tlsCert")} and ${source("tlsKey")}: expected both or none of them`);
  }
  if (mistakes.length) throw new SettingsError(mistakes.join("\n"));
  return settings;
}
