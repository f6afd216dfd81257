// What `vite build` made of the pages, for the command.

import { handler } from "./build/handler.js";

export default handler;
