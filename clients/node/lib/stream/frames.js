// Frames of the plain carrier (proto/README.md, 11.3): four bytes of length, then the message.

import { Writer } from "./codec.js";
import { GatewayFrame, WorkerFrame } from "./messages.js";

const PREFIX = 4;
const LARGEST = 4 * 1024 * 1024; // 1.5

/** Messages as one buffer of frames. */
export function encodeFrames(messages, sizeHint = 1024) {
  const writer = new Writer(sizeHint);
  for (const message of messages) {
    const start = writer.reserve(PREFIX);
    WorkerFrame.encode(message, writer);
    writer.bytes.writeUInt32BE(writer.at - start - PREFIX, start);
  }
  return writer.written();
}

/** Makes frames of pieces of a connection. */
export class FrameReader {
  #pieces = [];
  #size = 0;
  #needed = PREFIX;

  /** The messages that are complete with this piece. Throws Error, also DecodeError. */
  *take(piece) {
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (this.#size < this.#needed) return;
    let bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#size);
    while (bytes.length >= (this.#needed = this.#next(bytes))) {
      yield GatewayFrame.decode(bytes.subarray(PREFIX, this.#needed));
      bytes = bytes.subarray(this.#needed);
    }
    this.#pieces = [bytes];
    this.#size = bytes.length;
  }

  #next(bytes) {
    if (bytes.length < PREFIX) return PREFIX;
    const size = bytes.readUInt32BE(0);
    if (size > LARGEST) throw new Error(`a frame of ${size} bytes; at most ${LARGEST} are allowed`);
    return PREFIX + size;
  }
}
