// Lines as prack-worker writes them: time, level, sentence.

export const LEVELS = ["debug", "info", "warning", "error"];

/** An object with a method for each level, which writes lines from `least` on, and maybe a stack, to a stream. */
export function logTo(stream, least) {
  const write = (level, text, stack) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
    const time = new Date().toTimeString().slice(0, 8);
    stream.write(`${time} ${level.toUpperCase()} ${visible(text)}\n${stack ? `${stack}\n` : ""}`);
  };
  return Object.fromEntries(LEVELS.map((level) => [level, (text, stack) => write(level, text, stack)]));
}

/** What a gateway has said is shown, but not obeyed by a terminal. */
function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(character) {
  return `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`;
}
