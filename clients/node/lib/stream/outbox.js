// What waits to be written. What is added in one turn of the event loop, and during a write, goes out in few
// writes (proto/README.md, 1.1): the gateway works on some answers while the application makes the next ones.

import { encodeFrames } from "./frames.js";
import { WorkerFrame } from "./messages.js";

const FRAME_EVENTS = 32;
const ENOUGH = 8; // events for a write of their own
const FRAME_BYTES = 64 * 1024;
const EVENT_BYTES = 64; // about what an event takes beside the bytes that it brings
const ROOM = 256 * 1024; // of body bytes that wait; more stay with their exchanges

export class Outbox {
  said = true; // since somebody last set it to false
  #frames = [];
  #events = 0; // in the last frame
  #bytes = 0; // there
  #waiting = 0; // bytes in all frames
  #count = 0; // events there
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
    if (++this.#count >= ENOUGH && !this.#writing) this.#write();
    else this.#schedule();
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
    const bytes = encodeFrames(WorkerFrame, this.#frames, 2 * this.#waiting + EVENT_BYTES * (1 + this.#count));
    this.#frames = [];
    this.#waiting = this.#count = 0;
    this.#writing = true;
    this.said = true;
    this.socket.write(bytes, () => {
      this.#writing = false;
      this.roomy();
      this.#write();
    });
  }
}
