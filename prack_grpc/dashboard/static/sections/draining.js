// Draining a worker or a version, and undoing it.

import { act } from "../gateway/api.js";
import { count } from "../elements/format.js";
import { ask, notice } from "../elements/question.js";

const requests = (number) => (number === 1 ? "1 request" : `${count(number)} requests`);

/**
 * Ask, and drain. `target` is {worker} or {service, version}, `name` what people call it,
 * `held` its requests, `others` how many active workers there are with it.
 */
export function drain({ name, target, held, size = 1 }, active, done) {
  const last = active <= size ? ["No other worker is active: requests will wait."] : [];
  ask({
    title: `Drain ${name}?`,
    sentences: [
      `It is given no new request. ${held ? `It finishes the ${requests(held)} that it holds now.` : "It holds none now."}`,
      "This lasts, also if it connects again, until you resume it.",
      ...last,
    ],
    label: `Drain ${name}`,
    act: async () => {
      const answer = await act("POST", "api/v1/drain", target);
      done();
      return `${name} drains; ${requests(answer.held)} to finish.`;
    },
  });
}

/** Undo it. That hurts nobody, so nothing is asked. */
export async function resume({ name, target }, done) {
  try {
    await act("POST", "api/v1/resume", target);
    notice(`${name} works again.`);
    done();
  } catch (error) {
    notice(`${name} was not resumed: ${error.message}`);
  }
}
