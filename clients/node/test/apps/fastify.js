// A Fastify app with a schema, for the command.

import Fastify from "fastify";

const app = Fastify();
const body = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
app.post("/hello", { schema: { body } }, async (request) => ({ hello: request.body.name }));
await app.ready();

export default app.server;
