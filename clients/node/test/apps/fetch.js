// A handler of the web's Request and Response, for the command.

export default {
  fetch: async (request) =>
    new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}\n`),
};
