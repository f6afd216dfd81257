import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test from "node:test";

import { parseRoutes } from "../lib/routes.js";
import { readSettings, SettingsError } from "../lib/settings.js";

test("defaults are those of prack-worker", () => {
  const { gateway, slots, websocketSlots, grace, tier, routes, token } = readSettings({}, {});
  assert.deepEqual(gateway, {
    authority: "127.0.0.1:4242",
    host: "127.0.0.1",
    port: 4242,
    secure: false,
    carrier: "prack",
  });
  assert.deepEqual([slots, websocketSlots, grace, tier, routes, token], [64, 1000, 30, 0, [], ""]);
});

test("what is given counts more than a variable, and that more than a default", () => {
  const environment = {
    PRACK_SLOTS: "3",
    PRACK_GRACE: "0.5",
    PRACK_GATEWAY: "",
    PRACK_ROUTES: "/a,GET,HEAD b.example/",
  };
  const settings = readSettings({ slots: 5 }, environment);
  assert.deepEqual([settings.slots, settings.grace, settings.gateway.port], [5, 0.5, 4242]);
  assert.deepEqual(
    settings.routes.map((one) => one.path),
    ["/a", ""],
  );
});

test("gateways", () => {
  const read = (gateway) => readSettings({ gateway }, {}).gateway;
  assert.equal(read("prack://[::1]").authority, "[::1]:4242");
  assert.deepEqual(read("pracks://gateway.example.com"), {
    authority: "gateway.example.com:4242",
    host: "gateway.example.com",
    port: 4242,
    secure: true,
    carrier: "prack",
  });
  assert.deepEqual(read("prack://[::1]:80"), {
    authority: "[::1]:80",
    host: "::1",
    port: 80,
    secure: false,
    carrier: "prack",
  });
  assert.deepEqual(read("prack://a:80/"), {
    authority: "a:80",
    host: "a",
    port: 80,
    secure: false,
    carrier: "prack",
  });
});

test("all mistakes are named at once, each with its source; a token is never shown", () => {
  const given = { gateway: "http://a", slots: 0, routes: ["a b c"], nonsense: 1 };
  const environment = {
    PRACK_TIER: "10",
    PRACK_GRACE: "soon",
    PRACK_TOKEN: "a b",
    PRACK_SERVICE: "a b",
    PRACK_CLIENT_CERT: "x",
    PRACK_TOKEN_FILE: "/nowhere",
    PRACK_LOG_LEVEL: "loud",
  };
  assert.throws(
    () => readSettings(given, environment),
    (error) => {
      assert.ok(error instanceof SettingsError);
      const sources = error.message.split("\n").map((line) => line.split(/[ :]/, 1)[0]);
      assert.deepEqual(sources.sort(), [
        "PRACK_GRACE",
        "PRACK_LOG_LEVEL",
        "PRACK_SERVICE",
        "PRACK_TIER",
        "PRACK_TOKEN",
        "PRACK_TOKEN_FILE",
        "gateway",
        "nonsense",
        "routes",
        "slots",
        "tlsCert",
      ]);
      assert.match(error.message, /^PRACK_TOKEN: expected visible/m);
      assert.match(error.message, /^slots "0": expected a whole number from 1 to 10000$/m);
      return true;
    },
  );
});

test("a token file is resolved, and its token never shown", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "prack-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "token");
  writeFileSync(path, "secret\n");
  assert.equal(readSettings({ tokenFile: path }, {}).tokenFile, resolve(path));
  writeFileSync(path, "not a token");
  assert.throws(
    () => readSettings({ tokenFile: path }, {}),
    (error) => !error.message.includes("not a token"),
  );
});

test("routes", () => {
  assert.deepEqual(parseRoutes("GET,HEAD Shop.example.com/cart/, /api,*.a.com/,*/x,POST /p"), [
    { host: "shop.example.com", path: "/cart", methods: ["GET", "HEAD"] },
    { host: "", path: "/api", methods: [] },
    { host: "*.a.com", path: "", methods: [] },
    { host: "", path: "/x", methods: [] },
    { host: "", path: "/p", methods: ["POST"] },
  ]);
  for (const wrong of ["GET", "/a b/c", "GET(,POST /a", "!.com/"])
    assert.throws(() => parseRoutes(wrong), Error, wrong);
});
