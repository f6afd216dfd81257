// A request as it stands on a connection of HTTP/1.1, for Node's own parser.

const CHUNKED = "transfer-encoding: chunked\r\n";
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** The head, and whether the body behind it is in chunks: one without a length is (RFC 9112, 6.3). */
export function writeHead(
  { method, target, httpVersion, headers, body, end, expectContinue },
  tellsExpectation,
) {
  let head = `${method} ${target} HTTP/${httpVersion}\r\n`;
  let chunked = !end || body.length > 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === "content-length") chunked = false;
    head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  }
  if (expectContinue && tellsExpectation) head += "expect: 100-continue\r\n";
  if (chunked) head += CHUNKED;
  return { bytes: Buffer.from(`${head}\r\n`, "latin1"), chunked };
}

export function writeChunk(piece) {
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);
}

export { LAST_CHUNK };
