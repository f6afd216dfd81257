// The last 15 minutes: one column of numbers a series, one row a second.

const POINTS = 900;
const MARKS = 500;
const UPDATES = 10; // that may come while the history is on its way

/** What the curves are drawn of. Instants are Unix seconds, null is a second without a value. */
export class History {
  times = [];
  series = {};
  marks = [];
  #updates = [];

  /** Take the place of all that was known, but for updates that are newer. */
  load({ start, step, series, marks }) {
    const [first = []] = Object.values(series);
    this.times = first.map((_, index) => start + index * step);
    this.series = { ...series };
    this.marks = marks;
    const end = this.times.at(-1) ?? 0;
    const last = marks.at(-1)?.at ?? 0;
    for (const update of this.#updates) {
      const missing = update.marks.filter(({ at }) => at > last);
      if (update.point.at > end) this.#append(update.point, missing);
    }
  }

  /** One more second. A second that is known already is replaced, those missed have no values. */
  add(point, marks) {
    this.#updates = [...this.#updates, { point, marks }].slice(-UPDATES);
    this.#append(point, marks);
  }

  /** The times and these series, as the plot takes them. */
  columns(names) {
    return [this.times, ...names.map((name) => this.series[name] ?? this.times.map(() => null))];
  }

  #append({ at, ...values }, marks) {
    const second = Math.floor(at);
    while (this.times.length && this.times.at(-1) >= second) this.#pop();
    const missed = this.times.length ? second - this.times.at(-1) - 1 : 0;
    for (let back = Math.min(missed, POINTS); back > 0; back--) this.#push(second - back, {});
    this.#push(second, values);
    this.marks = [...this.marks, ...marks].slice(-MARKS);
  }

  #pop() {
    this.times.pop();
    for (const column of Object.values(this.series)) column.pop();
  }

  #push(second, values) {
    for (const name of Object.keys(values)) this.series[name] ??= this.times.map(() => null);
    this.times.push(second);
    for (const [name, column] of Object.entries(this.series)) column.push(values[name] ?? null);
    if (this.times.length <= POINTS) return;
    this.times.shift();
    for (const column of Object.values(this.series)) column.shift();
  }
}
