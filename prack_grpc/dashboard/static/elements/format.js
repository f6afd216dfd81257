// Numbers as people read them, always with their unit. Null is what nobody knows.

export const UNKNOWN = "–";

const known =
  (format) =>
  (value, ...more) =>
    value === null || value === undefined ? UNKNOWN : format(value, ...more);

/** Three digits, so that columns are easy to compare: 1.23, 12.3, 123, 1,234. */
function digits(value) {
  const places = value >= 99.95 || Number.isInteger(value) ? 0 : value >= 9.995 ? 1 : 2;
  const options = { minimumFractionDigits: places, maximumFractionDigits: places };
  return value.toLocaleString("en", options);
}

function parts(seconds, large, small, ratio) {
  const whole = Math.floor(seconds / ratio);
  const rest = Math.floor(seconds - whole * ratio);
  const size = { s: 1, min: 60, h: 3600 }[small];
  const count = Math.floor(rest / size);
  return count ? `${whole} ${large} ${count} ${small}` : `${whole} ${large}`;
}

/** A span of time, given in seconds. */
export const seconds = known((value) => {
  if (value < 0.9995) return `${digits(value * 1000)} ms`;
  if (value < 60) return `${digits(value)} s`;
  if (value < 3600) return parts(value, "min", "s", 60);
  if (value < 86400) return parts(value, "h", "min", 3600);
  return parts(value, "d", "h", 86400);
});

/** A number of things. */
export const count = known((value) => value.toLocaleString("en", { maximumFractionDigits: 0 }));

/** So many a second. */
export const rate = known((value) => `${digits(value)}/s`);

/** A size in bytes. */
export const bytes = known((value) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const step = value < 1 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
  return `${digits(value / 1024 ** step)} ${units[step]}`;
});

/** So many bytes a second. */
export const bandwidth = known((value) => `${bytes(value)}/s`);

/** A part of a whole, 0 to 1. What is not nothing is not shown as nothing. */
export const share = known((value) => {
  if (value > 0 && value < 0.001) return "<0.1 %";
  if (value < 1 && value > 0.999) return ">99.9 %";
  return `${(value * 100).toLocaleString("en", { maximumFractionDigits: value < 0.1 ? 1 : 0 })} %`;
});

/** The part of the requests that failed, by a mistake of the gateway or of a worker. */
export const failed = known(({ gateway, worker }) => share(gateway + worker));

/** The time of day here, with the date if it was another day. */
export const instant = known((value) => {
  const at = new Date(value * 1000);
  const today = at.toDateString() === new Date().toDateString();
  return today ? at.toLocaleTimeString("sv") : at.toLocaleString("sv");
});

/** How long ago an instant was, by the gateway's clock. */
export const ago = known((value, now) => {
  const passed = Math.round(now - value);
  return passed > 0 ? `${seconds(passed)} ago` : "now";
});

/** Some of a total, both counts. */
export const of = (some, total) => `${count(some)} of ${count(total)}`;
