import assert from "node:assert/strict";
import test from "node:test";

import { ResponseReader } from "../lib/http/response.js";

const PLAIN = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

const RESPONSES = [
  ["a length", "GET", `${PLAIN}Content-Length: 5\r\n\r\nhello`, { body: "hello", ended: true }],
  ["no body", "GET", `${PLAIN}Content-Length: 0\r\n\r\n`, { body: "", ended: true }],
  [
    "chunks",
    "GET",
    `${PLAIN}Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n`,
    { body: "hello", ended: true },
  ],
  [
    "trailers",
    "GET",
    `${PLAIN}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 42\r\nx-b: 1\r\n\r\n`,
    { body: "a", ended: true, trailers: ["x-sum", "42", "x-b", "1"] },
  ],
  [
    "the end of the connection",
    "GET",
    `${PLAIN}Connection: close\r\n\r\nhello`,
    { body: "hello", ended: false, closed: true },
  ],
  ["HEAD", "HEAD", `${PLAIN}Content-Length: 5\r\n\r\n`, { body: "", ended: true }],
  ["204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", { body: "", ended: true }],
  [
    "205, which has no body whatever comes",
    "GET",
    "HTTP/1.1 205 Reset\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    { body: "", ended: true },
  ],
  [
    "a response that was cut",
    "GET",
    `${PLAIN}Content-Length: 9\r\n\r\nhello`,
    { body: "hello", ended: false, closed: false },
  ],
  [
    "101",
    "GET",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nbytes",
    { body: "bytes", ended: false, closed: true },
  ],
];

/** What a reader makes of the pieces. */
function read(method, pieces) {
  const hints = [];
  const reader = new ResponseReader(method, (hint) => hints.push(hint));
  const all = { head: null, body: "", hints };
  for (const piece of pieces) {
    reader.feed(Buffer.from(piece, "latin1"));
    const { head, pieces: body, last } = reader.taken();
    all.head ??= head;
    all.body += Buffer.concat(body).toString("latin1");
    all.trailers = last?.trailers;
  }
  all.ended = reader.ended;
  all.closed = reader.close();
  return all;
}

for (const [name, method, text, wanted] of RESPONSES) {
  test(`${name}: whole and byte by byte`, () => {
    for (const pieces of [[text], [...text]]) {
      const told = read(method, pieces);
      for (const [key, value] of Object.entries(wanted)) assert.deepEqual(told[key], value, key);
    }
  });
}

test("fields keep order, repeats and bytes; those of the connection stay behind", () => {
  const lines = [
    "HTTP/1.1 200 OK",
    "X-B: 1",
    "Set-Cookie: a=1",
    "Connection: close",
    "Keep-Alive: timeout=5",
  ];
  lines.push("set-cookie: b=2", "X-Obs: caf\xe9", "X-Empty: ", "", "");
  const head = lines.join("\r\n");
  assert.deepEqual(read("GET", [head]).head, {
    status: 200,
    headers: ["x-b", "1", "set-cookie", "a=1", "set-cookie", "b=2", "x-obs", "caf\xe9", "x-empty", ""],
  });
});

test("hints come before the head", () => {
  const told = read("GET", [
    `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${PLAIN}Content-Length: 0\r\n\r\n`,
  ]);
  assert.deepEqual(told.hints, [{ status: 103, headers: ["link", "</a>"] }]);
  assert.equal(told.head.status, 200);
});

test("what is no response is refused", () => {
  assert.throws(() => read("GET", ["hello\r\n\r\n"]), /is no response/);
  assert.throws(() => read("GET", ["HTTP/1.1 200 OK\r\n", "x".repeat(200_000)]), /no end/);
});
