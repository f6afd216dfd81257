// The last 15 minutes: one column of numbers a series, one row a second.

const POINTS = 900;
const MARKS = 500;

/** What the curves are drawn of. Instants are Unix seconds, null is a second without a value. */
export class History {
  times = [];
  series = {};
  marks = [];

  /** Take the place of all that was known. */
  load({ start, step, series, marks }) {
    const [first = []] = Object.values(series);
    this.times = first.map((_, index) => start + index * step);
    this.series = series;
    this.marks = marks;
  }

  /** One more second. A second that is known already is replaced, those missed have no values. */
  add({ at, ...values }, marks) {
    const second = Math.floor(at);
    while (this.times.length && this.times.at(-1) >= second) this.#pop();
    const missed = this.times.length ? second - this.times.at(-1) - 1 : 0;
    for (let back = Math.min(missed, POINTS); back > 0; back--) this.#push(second - back, {});
    this.#push(second, values);
    this.marks = [...this.marks, ...marks].slice(-MARKS);
  }

  /** The times and these series, as the plot takes them. */
  columns(names) {
    return [this.times, ...names.map((name) => this.series[name] ?? this.times.map(() => null))];
  }

  #pop() {
    this.times.pop();
    for (const column of Object.values(this.series)) column.pop();
  }

  #push(second, values) {
    this.times.push(second);
    for (const [name, column] of Object.entries(this.series)) column.push(values[name] ?? null);
    if (this.times.length <= POINTS) return;
    this.times.shift();
    for (const column of Object.values(this.series)) column.shift();
  }
}
