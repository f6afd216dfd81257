// The smallest application: prack-node examples/hello.js. By itself it listens, as any server: PORT=3000 node examples/hello.js

import http from "node:http";

const server = http.createServer((_, res) => {
  res.writeHead(200, { "content-type": "text/plain", "content-length": 14 }).end("Hello, world!\n");
});
if (process.argv[1] === import.meta.filename) server.listen(process.env.PORT, "127.0.0.1");

export default server;
