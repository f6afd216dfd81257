// Calls of the admin port's API. Paths are relative, so that a proxy may put the page anywhere.

/** What the API answers to a GET; throws an Error that says what is wrong. */
export async function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ""));
  return ask(query.size ? `${path}?${query}` : path);
}

/** Change something. The header is what no other site's page can send unasked. */
export async function act(method, path, body) {
  const headers = { "Content-Type": "application/json", "X-Prack-Request": "1" };
  return ask(path, { method, headers, body: JSON.stringify(body) });
}

async function ask(path, options) {
  const response = await fetch(path, options).catch(() => {
    throw new Error("The gateway does not answer.");
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    const error = new Error(body.detail ?? `The gateway answered ${response.status}.`);
    throw Object.assign(error, { status: response.status });
  }
  return body;
}
