import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import test, { after } from "node:test";
import { fileURLToPath } from "node:url";

import { Gateway } from "./gateway.js";

const COMMAND = fileURLToPath(new URL("../bin/prack-node.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "prack-"));
after(() => rmSync(folder, { recursive: true }));

/** A file with this code. */
function file(name, code) {
  const path = join(folder, name);
  writeFileSync(path, code);
  return path;
}

const APP = file("app.mjs", "export default () => {};");

function start(...args) {
  const environment = { PATH: process.env.PATH };
  const child = spawn(process.execPath, [COMMAND, ...args], { env: environment });
  return { child, ended: once(child, "close"), out: text(child.stdout), error: text(child.stderr) };
}

/** The exit status, and what was written. */
async function run(...args) {
  const { ended, out, error } = start(...args);
  const [status] = await ended;
  return { status, out: await out, error: await error };
}

test("--help names each flag, --version the version", async () => {
  const { status, out } = await run("--help");
  assert.equal(status, 0);
  for (const flag of ["--gateway URL", "--route ROUTE", "--tls-server-name NAME"])
    assert.ok(out.includes(flag));
  assert.ok(!/--token /.test(out));
  assert.match((await run("--version")).out, /^prack-node \d+\.\d+\.\d+\n$/);
});

test("wrong usage is told, all of it, with status 2", async () => {
  const { status, error } = await run(APP, "--slots", "0", "--tier=10");
  assert.equal(status, 2);
  assert.match(error, /^prack-node: --slots "0": expected a whole number from 1 to 10000$/m);
  assert.match(error, /^prack-node: --tier "10": expected a whole number from 0 to 9$/m);
  assert.equal((await run("--nonsense")).status, 2);
  assert.match((await run()).error, /expected one FILE/);
});

test("an application that cannot be loaded is told, with status 1", async () => {
  const broken = file("broken.mjs", "throw new Error('as it was asked to');");
  const empty = file("empty.mjs", "export default 1;");
  for (const [path, expected] of [
    [join(folder, "nowhere.mjs"), /nowhere.mjs cannot be loaded/],
    [broken, /as it was asked to/],
    [empty, /is not an application: expected its default export to be/],
  ]) {
    const { status, error } = await run(path);
    assert.equal(status, 1);
    assert.match(error, expected);
  }
});

test("a refusal for good ends it with status 1", async (t) => {
  const gateway = await Gateway.start();
  t.after(() => gateway.close());
  const { ended, error } = start(APP, "--gateway", gateway.url);
  const session = await gateway.session();
  session.send({ error: { code: "not_allowed", message: "no such route", retry: false } });
  assert.deepEqual(await ended, [1, null]);
  assert.match(await error, /^prack-node: the gateway refuses this worker: not_allowed: no such route$/m);
});

test("the first signal drains, the second stops at once", async (t) => {
  const gateway = await Gateway.start();
  t.after(() => gateway.close());
  for (const [signals, status] of [
    [1, 0],
    [2, 143],
  ]) {
    const { child, ended, error } = start(APP, "--gateway", gateway.url);
    const session = await gateway.session();
    child.kill("SIGTERM");
    await session.next("drain");
    if (signals === 2) child.kill("SIGTERM");
    else session.dismiss();
    assert.deepEqual(await ended, [status, null]);
    assert.match(await error, signals === 2 ? /Stopped at once/ : /INFO Stopped$/m);
  }
});
