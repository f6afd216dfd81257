import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";

import { logTo } from "../lib/log.js";
import { warnOfOpenSecrets } from "../lib/secrets.js";
import { pems } from "../lib/stream/tls.js";

const folder = mkdtempSync(join(tmpdir(), "prack-"));
after(() => rmSync(folder, { recursive: true }));

function file(name, mode) {
  const path = join(folder, name);
  writeFileSync(path, "no PEM");
  chmodSync(path, mode); // whatever the umask
  return path;
}

/** What is logged, from a level on. */
function logged(level, act) {
  let written = "";
  act(logTo({ write: (text) => (written += text) }, level));
  return written;
}

test("secrets that others can read are named", () => {
  const [tokenFile, tlsKey] = [file("token", 0o644), file("key", 0o640)];
  const text = logged("info", (log) => warnOfOpenSecrets({ tokenFile, tlsKey }, log));
  assert.match(text, /WARNING Others can read or change the token file \S+\/token: run `chmod 600` on it\n$/);
  assert.equal(
    logged("info", (log) => warnOfOpenSecrets({ tokenFile: "", tlsKey: "/nowhere" }, log)),
    "",
  );
});

test("files of certificates that cannot be used are told with what was expected", () => {
  assert.throws(() => pems({ ca: "/nowhere" }), /\/nowhere.*expected PEM/s);
  assert.throws(() => pems({ cert: file("cert", 0o600), key: file("own", 0o600) }), /expected PEM/);
});
