// Polls first, then upgrades to a WebSocket, and has something echoed over each.

import { once } from "node:events";

import { io } from "socket.io-client";

const socket = io(process.argv[2], { reconnection: false });
await once(socket, "connect");
const first = await socket.timeout(10_000).emitWithAck("echo", "over polling");
if (socket.io.engine.transport.name !== "websocket") await once(socket.io.engine, "upgrade");
const second = await socket.timeout(10_000).emitWithAck("echo", "over a WebSocket");
console.log(`${first}, ${second}, ${socket.io.engine.transport.name}`);
socket.close();
