// Frames of the plain carrier (proto/README.md, 11.3): four bytes of length, then the message.

import { Writer } from "./codec.js";

const PREFIX = 4;
const LARGEST = 4 * 1024 * 1024; // 1.5

/** Messages of a type as one buffer of frames. */
export function encodeFrames(type, messages, sizeHint = 1024) {
  const writer = new Writer(sizeHint);
  for (const message of messages) {
    const start = writer.reserve(PREFIX);
    type.encode(message, writer);
    writer.bytes.writeUInt32BE(writer.at - start - PREFIX, start);
  }
  return writer.written();
}

/** Makes messages of a type out of pieces of a connection. */
export class FrameReader {
  #type;
  #pieces = [];
  #size = 0;
  #needed = PREFIX;

  constructor(type) {
    this.#type = type;
  }

  /** The messages that are complete with this piece. Throws Error, also DecodeError. */
  *take(piece) {
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (this.#size < this.#needed) return;
    let bytes = this.#pieces.length === 1 ? piece : Buffer.concat(this.#pieces, this.#size);
    while (bytes.length >= (this.#needed = this.#next(bytes))) {
      yield this.#type.decode(bytes.subarray(PREFIX, this.#needed));
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
