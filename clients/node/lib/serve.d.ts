import type { EventEmitter } from "node:events";
import type { RequestListener, Server } from "node:http";

/** Settings of a worker. Each is also a variable of the environment; what is given here counts more. */
export interface Options {
  /** prack://host:port, or grpc:// with @grpc/grpc-js; over TLS pracks:// or grpcs://. PRACK_GATEWAY, prack://127.0.0.1:4242 */
  gateway?: string;
  /** PEM file of the authorities that may have signed the gateway's certificate. PRACK_TLS_CA, those that Node knows */
  tlsCa?: string;
  /** PEM file of this worker's certificate, for a gateway that demands one. PRACK_CLIENT_CERT */
  tlsCert?: string;
  /** Its key. PRACK_CLIENT_KEY */
  tlsKey?: string;
  /** The name that the gateway's certificate must be for. PRACK_TLS_SERVER_NAME, the host of the gateway */
  tlsServerName?: string;
  /** Requests to hold at a time, 1 to 10000. PRACK_SLOTS, 64 */
  slots?: number;
  /** WebSockets to hold beside them; 0: they take the same slots. PRACK_WEBSOCKET_SLOTS, 1000 */
  websocketSlots?: number;
  /** "[METHODS ]host/path" to serve. PRACK_ROUTES, with commas between them; every request */
  routes?: string[];
  /** What this worker runs. PRACK_SERVICE */
  service?: string;
  /** The build of what it runs. PRACK_APP_VERSION */
  appVersion?: string;
  /** 0 to 9: gets requests only while lower tiers have no free slot. PRACK_TIER, 0 */
  tier?: number;
  /** Seconds that a stop waits for requests to finish. PRACK_GRACE, 30 */
  grace?: number;
  /** Seconds that the gateway may be silent before the worker reconnects, 1 to 3600. PRACK_MAX_SILENCE, the gateway's own */
  maxSilence?: number;
  /** File with the gateway's token; read at each dial. PRACK_TOKEN_FILE */
  tokenFile?: string;
  /** The token itself; a file counts more. PRACK_TOKEN */
  token?: string;
  /** Which lines are written to standard error. PRACK_LOG_LEVEL, info */
  logLevel?: "debug" | "info" | "warning" | "error";
}

/** Serves until it is drained. Emits "draining" when that begins: the time to close WebSockets. */
export interface Worker extends EventEmitter<{ draining: [] }> {
  /** Resolves when the worker has drained. Rejects with GatewayRefused, if dialling again would fail again. */
  readonly stopped: Promise<void>;
  /** Take no more requests and finish those that are held, within the grace. Returns `stopped`. */
  drain(): Promise<void>;
  /** Take no more requests until `resume`; those that are on their way still come. */
  pause(): void;
  /** Take requests again. */
  resume(): void;
}

/** What the gateway says of a request beside HTTP: `req.socket.prack`. */
export interface RequestInfo {
  requestId: string;
  /** 2 and more: another worker may have had the request before. */
  attempt: number;
}

/**
 * Serve an application behind a gateway: a listener of requests, or a server of node:http, which need not
 * listen. Only a server with a listener of "upgrade" is sent WebSockets.
 *
 * @throws SettingsError
 */
export declare function serve(app: RequestListener | Server, options?: Options): Worker;

export declare namespace serve {
  /** Serve a handler of the web's Request and Response. `request.signal` is aborted when the client leaves. */
  function fetch(handler: (request: Request) => Response | Promise<Response>, options?: Options): Worker;
}

/** Settings are wrong; the message has a line for each mistake. */
export declare class SettingsError extends Error {}

/** The gateway says that dialling again will fail again. */
export declare class GatewayRefused extends Error {}
