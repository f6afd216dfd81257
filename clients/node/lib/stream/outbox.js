// What waits to be written. All that is added in one turn of the event loop, and during a write, goes out
// in one write (proto/README.md, 1.1).

import { encodeFrames } from "./frames.js";

const FRAME_EVENTS = 32;
const FRAME_BYTES = 64 * 1024;
const ROOM = 256 * 1024; // of body bytes that wait; more stay with their exchanges

export class Outbox {
  said = true; // since somebody last set it to false
  #frames = [];
  #events = 0; // in the last frame
  #bytes = 0; // there
  #waiting = 0; // bytes in all frames
  #scheduled = false;
  #writing = false;
  #finishing = false;

  /** `roomy` is called when there may be room again. */
  constructor(socket, roomy) {
    this.socket = socket;
    this.roomy = roomy;
  }

  /** Whether body bytes may be added. Events that steer are added in any case (1.2). */
  get room() {
    return this.#waiting < ROOM;
  }

  /** Add an event to a repeated field; `size` is the number of bytes that it brings. */
  put(field, event, size = 0) {
    if (this.#events >= FRAME_EVENTS || this.#bytes >= FRAME_BYTES || !this.#frames.length) this.#begin();
    (this.#frames.at(-1)[field] ??= []).push(event);
    this.#events++;
    this.#bytes += size;
    this.#waiting += size;
    this.#schedule();
  }

  /** Set a field that each frame has once. */
  set(field, event) {
    if (!this.#frames.length) this.#begin();
    this.#frames.at(-1)[field] = event;
    this.#schedule();
  }

  /** Half-close behind what waits. */
  finish() {
    this.#finishing = true;
    this.#schedule();
  }

  #begin() {
    this.#frames.push({});
    this.#events = this.#bytes = 0;
  }

  #schedule() {
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#write();
    });
  }

  #write() {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    if (!this.#frames.length) {
      if (this.#finishing) this.socket.end();
      return;
    }
    const bytes = encodeFrames(this.#frames, 1024 + this.#waiting + 128 * FRAME_EVENTS);
    this.#frames = [];
    this.#waiting = 0;
    this.#writing = true;
    this.said = true;
    this.socket.write(bytes, () => {
      this.#writing = false;
      this.roomy();
      this.#write();
    });
  }
}
