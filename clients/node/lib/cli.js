// The command `prack-node`: reads the settings, loads the application, runs the worker.

import { Server } from "node:http";
import { constants } from "node:os";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { listenerOf } from "./http/fetch.js";
import { logTo } from "./log.js";
import { OPTIONS, readSettings, SettingsError } from "./settings.js";
import { VERSION } from "./version.js";
import { GatewayRefused, Worker } from "./worker.js";

const FLAGS = { ...OPTIONS };
delete FLAGS.token; // a command line is no place for secrets
const EXPECTED =
  "expected its default export to be a listener of requests (req, res), a server of node:http, or an " +
  "object with fetch(request)";

const USAGE = `usage: prack-node FILE [options]

Runs the application that FILE exports behind a Prack gateway, to which it connects.
Its default export is a listener of requests (an Express app, Koa's callback()), a server of
node:http, which need not listen, or an object with fetch(request).

options:
${Object.entries(FLAGS).map(helpOf).join("\n")}
  --version               print the version
  --help                  print this

Each flag is also a variable, --app-version as PRACK_APP_VERSION (routes: PRACK_ROUTES, with
commas); the flag counts more. SIGTERM or Ctrl-C finishes what is held; a second one stops at once.

exit status: 0 stopped as asked, 1 the application cannot be loaded or the gateway refuses the
worker for good, 2 wrong usage, 130 or 143 stopped at once.`;

function helpOf([option, [, otherwise, , metavar, help]]) {
  const shown = otherwise ? ` (default: ${otherwise})` : "";
  return `  ${`${flagOf(option)} ${metavar}`.padEnd(23)} ${help}${shown}`;
}

/** --route for routes, as it may be repeated. */
function flagOf(option) {
  const name = option === "routes" ? "route" : option;
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Run the command; resolves to its exit status. */
export async function main(args, environment) {
  try {
    return await run(args, environment);
  } catch (error) {
    const known =
      error instanceof SettingsError || error instanceof LoadError || error instanceof GatewayRefused;
    if (!known && !error.code?.startsWith("ERR_PARSE_ARGS")) throw error;
    for (const line of error.message.split("\n")) console.error(`prack-node: ${line}`);
    return error instanceof LoadError || error instanceof GatewayRefused ? 1 : 2;
  }
}

async function run(args, environment) {
  const { file, given, answer } = parse(args);
  if (answer) {
    console.log(answer);
    return 0;
  }
  const settings = readSettings(given, environment, flagOf);
  const log = logTo(process.stderr, settings.logLevel);
  const worker = new Worker(await load(file), settings, log, basename(file));
  drainOnSignals(worker, log);
  await worker.stopped;
  return 0;
}

function parse(args) {
  const options = { help: { type: "boolean" }, version: { type: "boolean" } };
  for (const option of Object.keys(FLAGS)) {
    options[flagOf(option).slice(2)] = { type: "string", multiple: option === "routes" };
  }
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  if (values.help) return { answer: USAGE };
  if (values.version) return { answer: `prack-node ${VERSION}` };
  if (positionals.length !== 1) throw new SettingsError("expected one FILE with the application; see --help");
  const given = Object.fromEntries(
    Object.keys(FLAGS).map((option) => [option, values[flagOf(option).slice(2)]]),
  );
  return { file: positionals[0], given };
}

class LoadError extends Error {}

async function load(file) {
  let exported;
  try {
    exported = (await import(pathToFileURL(resolve(file)))).default;
  } catch (error) {
    throw new LoadError(`${file} cannot be loaded: ${error.stack}`);
  }
  if (typeof exported === "function" || exported instanceof Server) return exported;
  if (typeof exported?.fetch === "function") return listenerOf((request) => exported.fetch(request));
  throw new LoadError(`${file} is not an application: ${EXPECTED}`);
}

function drainOnSignals(worker, log) {
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      if (asked) {
        log.warning("Stopped at once; unfinished requests are lost");
        process.exit(128 + constants.signals[signal]);
      }
      asked = true;
      worker.drain().catch(() => {}); // whoever waits for `stopped` hears of it
    });
  }
}
