import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { DecodeError, Reader, Writer } from "../lib/stream/codec.js";
import { encodeFrames, FrameReader } from "../lib/stream/frames.js";
import { AbortCode, CancelReason, GatewayFrame, WorkerFrame } from "../lib/stream/messages.js";

const VECTORS = JSON.parse(readFileSync(new URL("../../conformance/frames.json", import.meta.url)));
const BASE64 = /^(body|data|instance)$/;
const PREFIX = /^(ABORT_CODE|CANCEL_REASON)_/;
const NAMES = { ...AbortCode, ...CancelReason };
const CHARACTERS = /^(authority|headers|httpVersion|method|scheme|target|trailers)$/;

/** The vectors' JSON as this library has it: camelCase, bytes, characters and numbers. */
function ours(value, name) {
  if (Array.isArray(value)) return value.map((one) => ours(one, name));
  if (value && typeof value === "object") {
    const camel = (key) => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [camel(key), ours(one, camel(key))]));
  }
  if (BASE64.test(name)) return Buffer.from(value, "base64");
  if (CHARACTERS.test(name)) return Buffer.from(value, "base64").toString("latin1");
  if (/^(code|reason)$/.test(name) && PREFIX.test(value)) return NAMES[value.replace(PREFIX, "")];
  const isNumber = /^(id|lastId|maxOffset|nonce|echo|bodyLength)$/.test(name);
  if (!isNumber) return value;
  return BigInt(value) > Number.MAX_SAFE_INTEGER ? BigInt(value) : Number(value);
}

/** What was decoded, without fields that have nothing. */
function set(value) {
  if (Array.isArray(value)) return value.map(set);
  if (!value || typeof value !== "object" || Buffer.isBuffer(value)) return value;
  const held = Object.entries(value).filter(([, one]) => one && one.length !== 0);
  return Object.fromEntries(held.map(([key, one]) => [key, set(one)]));
}

for (const [side, type] of [
  ["gateway", GatewayFrame],
  ["worker", WorkerFrame],
]) {
  for (const { name, wire, messages } of VECTORS[side]) {
    const bytes = Buffer.from(wire, "hex");

    test(`${side} ${name} is read, wherever it is cut`, () => {
      const wanted = messages.map((one) => set(ours(one)));
      for (let cut = 0; cut <= bytes.length; cut++) {
        const reader = new FrameReader(type);
        const read = [...reader.take(bytes.subarray(0, cut)), ...reader.take(bytes.subarray(cut))];
        assert.deepEqual(read.map(set), wanted);
      }
    });

    test(`${side} ${name} comes back as it was written`, () => {
      const [...read] = new FrameReader(type).take(bytes);
      const again = new FrameReader(type).take(encodeFrames(type, read));
      assert.deepEqual([...again], read);
      if (side === "worker") assert.equal(encodeFrames(type, read).toString("hex"), wire);
    });
  }
}

for (const { name, about, wire } of VECTORS.refused) {
  test(`${name} is refused: ${about}`, () => {
    assert.throws(() => [...new FrameReader(GatewayFrame).take(Buffer.from(wire, "hex"))], Error);
  });
}

test("numbers of all sizes are written and read", () => {
  for (const number of [
    0,
    1,
    127,
    128,
    2 ** 31,
    2 ** 32,
    2 ** 49 - 1,
    2 ** 49,
    Number.MAX_SAFE_INTEGER,
    2n ** 63n,
    2n ** 64n - 1n,
  ]) {
    const writer = new Writer(1);
    writer.varint(number);
    assert.equal(new Reader(writer.written()).varint(), number);
  }
});

test("a number that has no end, or too many bytes, is refused", () => {
  for (const bytes of [[0x80], Array(9).fill(0x80), [...Array(10).fill(0x80), 1]]) {
    assert.throws(() => new Reader(Buffer.from(bytes)).varint(), DecodeError);
  }
});

test("a message that holds more than 127 bytes has a longer length", () => {
  for (const size of [126, 127, 128, 16_383, 16_384, 70_000]) {
    const frame = { data: [{ id: 7, data: Buffer.alloc(size, "x") }], finishes: [{ id: 7 }] };
    const [read] = new FrameReader(WorkerFrame).take(encodeFrames(WorkerFrame, [frame]));
    assert.deepEqual([read.data[0].data.length, read.finishes.length], [size, 1]);
  }
});
