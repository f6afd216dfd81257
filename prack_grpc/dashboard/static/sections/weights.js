// The dialog that splits the traffic of a service between its versions.

import { act, get } from "../gateway/api.js";
import { element, say } from "../elements/element.js";
import { share } from "../elements/format.js";
import { ask, notice } from "../elements/question.js";

/** Ask for weights, and set them. All weights empty: the split ends. */
export async function changeWeights(service, done) {
  try {
    const [{ versions }, { traffic }] = await Promise.all(
      ["api/v1/versions", "api/v1/traffic"].map((path) => get(path)),
    );
    const split = traffic.find((one) => one.service === service) ?? { weights: {}, sticky: null };
    const served = versions.filter((row) => row.service === service).map((row) => row.version);
    question(service, [...new Set([...served, ...Object.keys(split.weights)])], split, done);
  } catch (error) {
    notice(`The versions are not known: ${error.message}`);
  }
}

function question(service, versions, split, done) {
  const inputs = versions.map((version) => field(version, split.weights[version]));
  const sticky = element("input", {
    name: "sticky",
    placeholder: "cookie:session",
    autocomplete: "off",
    value: split.sticky ?? "",
  });
  ask({
    title: `Traffic of ${service}`,
    sentences: [
      "Requests are split in proportion to these weights. A version with 0, or without a weight, gets none.",
      "Without any weight there is no split: any free worker takes the next request.",
    ],
    fields: [
      element("div", { class: "weights" }, ...inputs.map(({ node }) => node)),
      element(
        "label",
        {},
        "Same version for the same (cookie:NAME or header:NAME; empty: for none)",
        sticky,
      ),
    ],
    label: "Set the weights",
    act: async () => {
      const given = inputs.filter(({ input }) => input.value !== "");
      const weights = Object.fromEntries(
        given.map(({ version, input }) => [version, Number(input.value)]),
      );
      const body = sticky.value ? { service, weights, sticky: sticky.value } : { service, weights };
      await act("PUT", "api/v1/traffic", body);
      done();
      return given.length
        ? `The traffic of ${service} is split.`
        : `The traffic of ${service} is not split any more.`;
    },
  });
  const tell = () => proportions(inputs);
  inputs.forEach(({ input }) => input.addEventListener("input", tell));
  tell();
}

function field(version, weight) {
  const input = element("input", {
    type: "number",
    name: version,
    min: 0,
    step: 1,
    value: weight ?? "",
  });
  const part = element("output");
  return {
    version,
    input,
    part,
    node: element("label", {}, element("span", {}, version), input, part),
  };
}

function proportions(inputs) {
  const sum = inputs.reduce((total, { input }) => total + Number(input.value), 0);
  for (const { input, part } of inputs) {
    say(part, sum > 0 ? `${share(Number(input.value) / sum)} of requests` : "");
  }
}
