// Calls of the admin port's API. Paths are relative, so that a proxy may put the page anywhere.

/** What the API answers to a GET; throws an Error that says what is wrong. */
export async function get(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ""));
  return answer(await fetch(query.size ? `${path}?${query}` : path));
}

/** Change something. The header is what no other site's page can send unasked. */
export async function act(method, path, body) {
  const headers = { "Content-Type": "application/json", "X-Prack-Request": "1" };
  return answer(await fetch(path, { method, headers, body: JSON.stringify(body) }));
}

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ?? `The gateway answered ${response.status}.`);
  return body;
}
