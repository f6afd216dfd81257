// A worker as the original Prack had them: two HTTP calls, and nothing to install.
//
// node examples/workers/original/poll.mjs [http://127.0.0.1:4242]

import { Agent, request } from 'node:http';

const api = `${process.argv[2] ?? 'http://127.0.0.1:4242'}/api/v1/request`;
// An agent of our own has no proxy, whatever NODE_USE_ENV_PROXY and `http_proxy` say.
const agent = new Agent({ keepAlive: true });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function handle(environment) {
  const { REQUEST_METHOD: method, PATH_INFO: path, QUERY_STRING: query } = environment;
  const text = Buffer.from(`Node got ${method} ${path}?${query}\n`);
  const body = Buffer.concat([text, Buffer.from(environment.body ?? '', 'base64')]);
  const headers = {
    'Content-Type': 'text/plain',
    'Content-Length': String(body.length),
    Connection: 'close',
  };
  return { code: '200', headers, body };
}

// Lines of 76 characters, as MIME has them.
const encode = (body) => body.toString('base64').replace(/.{1,76}/g, '$&\n');

function call(method, content) {
  return new Promise((resolve, reject) => {
    const headers = content ? { 'Content-Length': Buffer.byteLength(content) } : {};
    const sent = request(api, { agent, method, headers }, async (response) => {
      let text = '';
      for await (const piece of response.setEncoding('utf8')) text += piece;
      resolve(JSON.parse(text));
    });
    sent.on('error', reject).end(content);
  });
}

async function work() {
  const next = await call('GET');
  if (next.error) return;
  const { code, headers, body } = handle(next.environment);
  const answer = { identifier: next.identifier, code, headers, body: encode(body) };
  await call('POST', JSON.stringify(answer));
}

for (;;) {
  await work().catch(async (error) => {
    console.error(error.message);
    await sleep(1000);
  });
}
