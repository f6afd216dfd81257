// What a user writes in TypeScript; only its types are checked.

import http from "node:http";

import { GatewayRefused, serve, type Options, type RequestInfo, type Worker } from "prack-node";

const options: Options = { gateway: "prack://127.0.0.1:4242", slots: 64, routes: ["GET /a"] };
const worker: Worker = serve((req, res) => {
  const { requestId } = (req.socket as unknown as { prack: RequestInfo }).prack;
  res.end(requestId);
}, options);
worker.on("draining", () => worker.pause());
worker.stopped.catch((error) => error instanceof GatewayRefused);
process.on("SIGTERM", () => worker.drain());

serve(http.createServer());
serve.fetch((request) => new Response(request.url, { status: 200 }), { grace: 5 });
serve.fetch(async () => Response.json({}));

// @ts-expect-error a number is no application
serve(1);
// @ts-expect-error slots are a number
serve(() => {}, { slots: "64" });
