// Lines as prack-worker writes them: time, level, sentence.

export const LEVELS = ["debug", "info", "warning", "error"];

/** An object with a method for each level, which writes lines from `least` on to a stream. */
export function logTo(stream, least) {
  const write = (level, text) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
    const time = new Date().toTimeString().slice(0, 8);
    stream.write(`${time} ${level.toUpperCase()} ${visible(text)}\n`);
  };
  return Object.fromEntries(LEVELS.map((level) => [level, (text) => write(level, text)]));
}

/** What a gateway has said is shown, but not obeyed by a terminal; only a stack has lines of its own. */
export function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => (one === "\n" ? one : escaped(one)));
}

function escaped(character) {
  return `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`;
}
