// What waits to be written. What is added in one turn of the event loop, and during a write, goes out in few
// writes (proto/README.md, 1.1): the gateway works on some answers while the application makes the next ones.

const FRAME_EVENTS = 32;
const ENOUGH = 8; // events for a write of their own
const FRAME_BYTES = 64 * 1024;
const EVENT_BYTES = 64; // about what an event takes beside the bytes that it brings
const PACE = 0.5; // ms between two writes where frames are costly (1.1)
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
  #wroteAt = 0;
  #finishing = false;

  /** `roomy` is called when there may be room again. */
  constructor(stream, roomy) {
    this.stream = stream;
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
    if (++this.#count >= ENOUGH && !this.#writing && !this.stream.costly) this.#write();
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
    if (!this.#writing) this.#write();
  }

  #begin() {
    this.#frames.push({});
    this.#events = this.#bytes = 0;
  }

  #schedule() {
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    const write = () => {
      this.#scheduled = false;
      if (!this.#writing) this.#write();
    };
    const early = this.stream.costly ? this.#wroteAt + PACE - performance.now() : 0;
    if (early > 0) setTimeout(write, early);
    else setImmediate(write);
  }

  #write() {
    if (!this.stream.isOpen) return;
    if (!this.#frames.length) {
      if (this.#finishing) this.stream.end();
      return;
    }
    const [frames, size] = [this.#frames, 2 * this.#waiting + EVENT_BYTES * (1 + this.#count)];
    this.#frames = [];
    this.#waiting = this.#count = 0;
    this.#writing = true;
    this.said = true;
    this.#wroteAt = performance.now();
    this.stream.write(frames, size, () => {
      this.#writing = false;
      this.roomy();
      if (this.#frames.length || this.#finishing) this.#schedule();
    });
  }
}
