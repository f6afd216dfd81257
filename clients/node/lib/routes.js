// Routes as text: "[METHODS ]host/path", with commas between several.

const HOST = /^((\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\])$/;
const PATH = /^\/[!-~]*$/;
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Commas between methods are told apart by the space behind them. Throws Error. */
export function parseRoutes(text) {
  const routes = [];
  let methods = [];
  for (const part of split(text)) {
    if (/^[A-Z]+$/.test(part)) {
      methods.push(part);
    } else {
      routes.push(parseRoute([...methods, part].join(",")));
      methods = [];
    }
  }
  if (methods.length) throw new Error(`${methods[0]} has no host or path after it`);
  return routes;
}

function parseRoute(text) {
  const space = text.lastIndexOf(" ");
  const place = text.slice(space + 1);
  const slash = place.includes("/") ? place.indexOf("/") : place.length;
  const host = place.slice(0, slash) === "*" ? "" : place.slice(0, slash).toLowerCase();
  const path = place.slice(slash).replace(/\/+$/, "");
  if ((host && !HOST.test(host)) || (path && !PATH.test(path))) {
    throw new Error(`"${place}" is not a route: expected shop.example.com/cart, /api or *.a.com/`);
  }
  const methods = split(text.slice(0, Math.max(space, 0)));
  if (!methods.every((one) => METHOD.test(one))) {
    throw new Error(`"${methods}" are not methods: expected GET,HEAD before the host`);
  }
  return { host, path, methods };
}

function split(text) {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}
