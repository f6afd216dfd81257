import assert from "node:assert/strict";
import test from "node:test";

import { logTo } from "../lib/log.js";

/** What is written of the lines that `act` logs, from a level on. */
function logged(level, act) {
  let written = "";
  act(logTo({ write: (text) => (written += text) }, level));
  return written;
}

test("a line has time, level and sentence; less than the level is left out", () => {
  assert.match(
    logged("warning", (log) => log.warning("told")),
    /^\d\d:\d\d:\d\d WARNING told\n$/,
  );
  assert.equal(
    logged("warning", (log) => log.info("told")),
    "",
  );
});

test("a terminal obeys nothing of a sentence, which stays one line; a stack has its own", () => {
  const text = logged("debug", (log) => log.error("a\x1b[31m\u2028b\nc", "at one\nat two"));
  assert.match(text, / ERROR a\\u001b\[31m\\u2028b\\u000ac\nat one\nat two\n$/);
});
