// A worker as the original Prack had them: two HTTP calls, and nothing to install.
//
// node examples/workers/poll.mjs [http://127.0.0.1:4242]

const api = `${process.argv[2] ?? 'http://127.0.0.1:4242'}/api/v1/request`;
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

async function work() {
  const request = await (await fetch(api)).json();
  if (request.error) return;
  const { code, headers, body } = handle(request.environment);
  const answer = { identifier: request.identifier, code, headers, body: encode(body) };
  await fetch(api, { method: 'POST', body: JSON.stringify(answer) });
}

for (;;) {
  await work().catch(async (error) => {
    console.error(error.message);
    await sleep(1000);
  });
}
