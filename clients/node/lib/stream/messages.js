// Written by `make proto` from proto/prack/v1/worker.proto. Do not edit.

import { BOOL, BYTES, INT64, LATIN1, Message, TEXT, UINT, many } from "./codec.js";

export const RefusalCode = {
  UNSPECIFIED: 0,
  NOT_FOUND: 1,
  ALREADY_EXISTS: 2,
  INVALID_ARGUMENT: 3,
};

export const Upgrade = {
  UNSPECIFIED: 0,
  WEBSOCKET: 1,
  TUNNEL: 2,
};

export const CancelReason = {
  UNSPECIFIED: 0,
  CLIENT_GONE: 1,
  DEADLINE: 2,
  BAD_RESPONSE: 3,
  SHUTDOWN: 4,
  REQUEST_CUT: 5,
};

export const AbortCode = {
  UNSPECIFIED: 0,
  REFUSED: 1,
  HANDLER_ERROR: 2,
  OVERLOADED: 3,
  CANCELLED: 4,
  TIMED_OUT: 5,
  UNSUPPORTED: 6,
};

export const Limits = new Message({
  maxChunkBytes: [2, UINT],
  initialWindow: [4, UINT],
  maxHeaderBytes: [5, UINT],
  maxSlots: [6, UINT],
});

export const Route = new Message({
  host: [1, TEXT],
  path: [2, TEXT],
  methods: [3, many(TEXT)],
});

export const Capacity = new Message({
  maxInFlight: [1, UINT],
  maxWebsockets: [2, UINT],
});

export const Pause = new Message({
  paused: [1, BOOL],
});

export const Drain = new Message({
  reason: [2, TEXT],
});

export const Goaway = new Message({
  lastId: [1, UINT],
  drainAck: [2, BOOL],
  reconnectInMs: [3, UINT],
  closeInMs: [4, UINT],
  reason: [6, TEXT],
});

export const Heartbeat = new Message({
  nonce: [1, UINT],
  echo: [2, UINT],
});

export const StreamError = new Message({
  code: [1, TEXT],
  message: [2, TEXT],
  retry: [3, BOOL],
  retryInMs: [4, UINT],
});

export const Refusal = new Message({
  id: [1, UINT],
  code: [2, UINT],
  message: [3, TEXT],
});

export const Client = new Message({
  ip: [1, TEXT],
  port: [2, UINT],
});

export const ResponseHead = new Message({
  id: [1, UINT],
  status: [2, UINT],
  headers: [3, many(LATIN1)],
  body: [4, BYTES],
  end: [5, BOOL],
});

export const Data = new Message({
  id: [1, UINT],
  data: [2, BYTES],
});

export const Finish = new Message({
  id: [1, UINT],
  trailers: [2, many(LATIN1)],
});

export const Window = new Message({
  id: [1, UINT],
  maxOffset: [2, UINT],
});

export const Cancel = new Message({
  id: [1, UINT],
  reason: [2, UINT],
});

export const Abort = new Message({
  id: [1, UINT],
  code: [2, UINT],
  message: [3, TEXT],
});

export const GetInfoRequest = new Message({
});

export const Hello = new Message({
  workerId: [1, TEXT],
  service: [2, TEXT],
  version: [3, TEXT],
  minorMin: [4, UINT],
  minorMax: [5, UINT],
  features: [6, many(TEXT)],
  capacity: [7, Capacity],
  routes: [8, many(Route)],
  limits: [9, Limits],
  sdk: [11, TEXT],
  tier: [13, UINT],
  instance: [14, BYTES],
});

export const Welcome = new Message({
  sessionId: [1, TEXT],
  gatewayId: [2, TEXT],
  minor: [3, UINT],
  features: [4, many(TEXT)],
  limits: [5, Limits],
  heartbeatMs: [6, UINT],
  deadAfterMs: [7, UINT],
});

export const Request = new Message({
  id: [1, UINT],
  requestId: [2, TEXT],
  attempt: [3, UINT],
  deadlineMs: [4, UINT],
  queuedMs: [5, UINT],
  method: [6, LATIN1],
  scheme: [7, LATIN1],
  authority: [8, LATIN1],
  target: [9, LATIN1],
  httpVersion: [10, LATIN1],
  headers: [11, many(LATIN1)],
  body: [12, BYTES],
  end: [13, BOOL],
  bodyLength: [14, INT64],
  client: [15, Client],
  upgrade: [17, UINT],
  expectContinue: [20, BOOL],
});

export const GetInfoResponse = new Message({
  version: [1, TEXT],
  minorMin: [2, UINT],
  minorMax: [3, UINT],
  features: [4, many(TEXT)],
  limits: [5, Limits],
});

export const WorkerFrame = new Message({
  hello: [1, Hello],
  heads: [3, many(ResponseHead)],
  data: [4, many(Data)],
  finishes: [5, many(Finish)],
  aborts: [6, many(Abort)],
  windows: [7, many(Window)],
  capacity: [8, Capacity],
  pause: [9, Pause],
  drain: [10, Drain],
  heartbeat: [12, Heartbeat],
});

export const GatewayFrame = new Message({
  welcome: [1, Welcome],
  requests: [2, many(Request)],
  data: [3, many(Data)],
  finishes: [4, many(Finish)],
  cancels: [5, many(Cancel)],
  windows: [6, many(Window)],
  goaway: [7, Goaway],
  heartbeat: [9, Heartbeat],
  error: [10, StreamError],
  refusals: [11, many(Refusal)],
});
