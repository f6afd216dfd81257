// Who looks at the page, where the gateway asks for that.

import { element, say } from "../elements/element.js";
import { ask } from "../elements/question.js";
import { act, get } from "../gateway/api.js";

const NOBODY = "anyone"; // whom a gateway without credentials calls so

/** Returns `look()`: shows who has logged in, or asks for a token if that is needed. */
export function login(place) {
  let asked = false;
  place.querySelector("button").addEventListener("click", async () => {
    await act("POST", "logout", {});
    location.reload();
  });

  function show({ principal, operates }) {
    place.hidden = principal === NOBODY;
    say(place.querySelector("span"), operates ? principal : `${principal}, looking only`);
  }

  function question() {
    if (asked) return;
    asked = true;
    const token = element("input", { type: "password", name: "token", autocomplete: "current-password" });
    ask({
      title: "Log in",
      sentences: ["This gateway asks for a token: that of an operator, or of a viewer."],
      fields: [element("label", {}, "Token ", token)],
      label: "Log in",
      async act() {
        await act("POST", "login", { token: token.value });
        location.reload();
        return "";
      },
    });
  }

  return async function look() {
    try {
      show(await get("api/v1/me"));
    } catch (error) {
      if (error.status === 401) question();
    }
  };
}
