// A socket.io server that echoes, for the command.

import http from "node:http";

import { Server } from "socket.io";

const server = http.createServer();
const io = new Server(server);
io.on("connection", (socket) => socket.on("echo", (...args) => args.pop()(...args)));

export default server;
