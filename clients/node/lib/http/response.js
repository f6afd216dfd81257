// Reads the response that Node's server, or who took the connection over, writes on it (RFC 9112).

const HEAD_END = "\r\n\r\n";
const MAX_LINE = 128 * 1024;
// They are of the connection (RFC 9110, 7.6.1), which the client has with the gateway.
const HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"]);
const NO_BODY = new Set([204, 205, 304]);

/** `hint` is called with {status, headers} of each head before the final one; headers are flat. */
export class ResponseReader {
  tunnel = false; // 101 was written: bytes follow as they are
  untilClose = false; // the body ends with the connection
  ended = false;
  #read = this.#readHead;
  #text = ""; // of a head or a line, not complete yet
  #left = 0; // bytes of the body, or of the chunk
  #head = null;
  #pieces = [];
  #trailers = [];
  #dropping = false;

  constructor(method, hint) {
    this.isHead = method === "HEAD";
    this.hint = hint;
  }

  /** Read bytes; `taken` returns what they brought. Throws Error if they are no response. */
  feed(bytes) {
    let rest = bytes;
    while (rest.length && !this.ended) rest = this.#read(rest);
  }

  /** What has come since: {head, pieces, last}, for Exchange.respond. */
  taken() {
    const news = {
      head: this.#head,
      pieces: this.#pieces,
      last: this.ended ? { trailers: this.#trailers } : null,
    };
    this.#head = null;
    this.#pieces = [];
    return news;
  }

  /** The connection ends here. False if the response is not complete. */
  close() {
    this.ended ||= this.untilClose;
    return this.ended;
  }

  #readHead(bytes) {
    const { before, rest } = this.#until(bytes, HEAD_END);
    if (before === undefined) return rest;
    const [line, ...lines] = before.split("\r\n");
    const status = Number(line.split(" ", 2)[1]);
    if (!line.startsWith("HTTP/1.") || !(status >= 100)) throw new Error("what was written is no response");
    const headers = fieldsOf(lines);
    if (status < 200 && status !== 101) this.hint({ status, headers });
    else this.#begin(status, headers, lines);
    return rest;
  }

  #begin(status, headers, lines) {
    this.#head = { status, headers };
    this.tunnel = status === 101;
    this.#dropping = status === 205;
    this.#read = this.#readRest;
    const length = valueOf(headers, "content-length");
    if (!this.tunnel && (this.isHead || (NO_BODY.has(status) && !this.#dropping))) this.ended = true;
    else if (lines.some((one) => /^transfer-encoding: *chunked$/i.test(one))) this.#read = this.#readSize;
    else if (length === undefined) this.untilClose = true;
    else this.#measure(Number(length));
  }

  #measure(length) {
    this.#left = length;
    this.#read = this.#readMeasured;
    this.ended = !length;
  }

  #readMeasured(bytes) {
    const rest = this.#some(bytes);
    this.ended = !this.#left;
    return rest;
  }

  #readRest(bytes) {
    this.#keep(bytes);
    return bytes.subarray(bytes.length);
  }

  #readSize(bytes) {
    const { before, rest } = this.#until(bytes, "\r\n");
    if (before === undefined) return rest;
    this.#left = Number.parseInt(before, 16);
    this.#read = this.#left ? this.#readChunk : this.#readTrailer;
    return rest;
  }

  #readChunk(bytes) {
    const rest = this.#some(bytes);
    if (!this.#left) this.#read = this.#readChunkEnd;
    return rest;
  }

  #readChunkEnd(bytes) {
    const { before, rest } = this.#until(bytes, "\r\n");
    if (before !== undefined) this.#read = this.#readSize;
    return rest;
  }

  #readTrailer(bytes) {
    const { before, rest } = this.#until(bytes, "\r\n");
    if (before) this.#trailers.push(...fieldsOf([before]));
    this.ended = before === "";
    return rest;
  }

  /** Take of the body what belongs to it. */
  #some(bytes) {
    const piece = bytes.subarray(0, this.#left);
    this.#left -= piece.length;
    this.#keep(piece);
    return bytes.subarray(piece.length);
  }

  #keep(piece) {
    if (!this.#dropping && piece.length) this.#pieces.push(piece);
  }

  /** The text before a mark, which may have come in pieces; undefined if the mark has not come yet. */
  #until(bytes, mark) {
    const end = this.#text ? -1 : bytes.indexOf(mark, 0, "latin1");
    if (end >= 0) return { before: bytes.latin1Slice(0, end), rest: bytes.subarray(end + mark.length) };
    const text = this.#text + bytes.latin1Slice();
    const at = text.indexOf(mark);
    if (at < 0 && text.length > MAX_LINE) throw new Error("a head of a response that has no end");
    if (at < 0) {
      this.#text = text;
      return { rest: bytes.subarray(bytes.length) };
    }
    const used = at + mark.length - this.#text.length;
    this.#text = "";
    return { before: text.slice(0, at), rest: bytes.subarray(used) };
  }
}

/** Fields that go to the client: lower-case names and values, flat. */
function fieldsOf(lines) {
  const fields = [];
  for (const line of lines) {
    const at = line.indexOf(":");
    const name = line.slice(0, at).toLowerCase();
    if (!HOP.has(name)) fields.push(name, line.slice(at + 1).trim());
  }
  return fields;
}

function valueOf(fields, name) {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
  return undefined;
}
