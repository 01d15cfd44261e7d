import type { Socket } from "node:net";
import { connect as connectPlain, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ISocketFactory, KafkaConfig, LogEntry, RetryOptions } from "kafkajs";
import { Kafka, logLevel } from "kafkajs";
import { patchRequestQueue } from "./patch-request-queue.js";
import type { KafkaSecurity, Log, LogLevel } from "./port.js";

const CONNECTION_MS_MAX = 1_000;
/** Longer with TLS, because the handshake takes two more round trips, and CPU time on both sides. */
const TLS_CONNECTION_MS_MAX = 2_000;
const KEEP_ALIVE_MS = 60_000;

/** A kafkajs client whose connections can be closed permanently. */
export interface Client {
  readonly kafka: Kafka;
  /** Whether it is connected to any broker. */
  isConnected(): boolean;
  /**
   * After this call, no pending request of this client reaches Kafka, and the client cannot reconnect. kafkajs's own
   * `disconnect` waits for responses and leaves its retry loops running, which then reconnect.
   */
  destroy(): void;
}

export interface ClientOptions {
  /** Maximum wait for a response. */
  readonly requestMsMax: number;
  readonly retry: RetryOptions;
}

export type OpenClient = (options: ClientOptions) => Client;

export interface ConnectionOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Log;
  readonly security?: KafkaSecurity;
  /** Receives each new connection; tests use this to cut or delay connections. */
  readonly onSocket?: (socket: Socket) => void;
}

/** Connection timeout, in milliseconds. */
export const connectMsMax = ({ tls }: KafkaSecurity): number =>
  tls === undefined ? CONNECTION_MS_MAX : TLS_CONNECTION_MS_MAX;

/** Opens clients to one cluster. A client connects on first use. */
export function clientOpener(options: ConnectionOptions): OpenClient {
  patchRequestQueue();
  const { brokers, clientId, log, security = {}, onSocket } = options;
  return ({ requestMsMax, retry }) => {
    const sockets = new Set<Socket>();
    let isDestroyed = false;
    const socketFactory: ISocketFactory = (target) => {
      if (isDestroyed) throw new Error("the client was closed");
      const { tls } = security;
      const socket = openTcpSocket(typeof tls === "function" ? { ...target, ssl: { ...tls() } } : target);
      onSocket?.(socket);
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      return socket;
    };
    const kafka = new Kafka({
      // If no broker is configured, kafkajs gives up; after any other connection failure, it retries forever.
      brokers: () => (isDestroyed ? [] : [...brokers]),
      clientId,
      connectionTimeout: connectMsMax(security),
      requestTimeout: requestMsMax,
      enforceRequestTimeout: true,
      retry,
      socketFactory,
      ...securityOf(security),
      logLevel: logLevel.INFO,
      logCreator: () => (entry) => {
        if (!isDestroyed) passOn(entry, log);
      },
    });
    return {
      kafka,
      isConnected: () => [...sockets].some(({ readyState }) => readyState === "open"),
      destroy() {
        isDestroyed = true;
        // Destroyed with an error, because kafkajs does not notice a plain close and would wait for the responses.
        for (const socket of sockets) socket.destroy(new Error("the client was closed"));
      },
    };
  };
}

function securityOf({ tls, sasl }: KafkaSecurity): Pick<KafkaConfig, "ssl" | "sasl"> {
  const ssl = tls === undefined ? {} : { ssl: typeof tls === "function" ? true : { ...tls } };
  if (sasl === undefined) return ssl;
  if (sasl.mechanism !== "oauthbearer") return { ...ssl, sasl: { ...sasl } };
  return {
    ...ssl,
    sasl: { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: await sasl.token() }) },
  };
}

const openTcpSocket = ({ host, port, ssl, onConnect }: Parameters<ISocketFactory>[0]): Socket => {
  // According to the types, `ssl` is always present; without TLS, it is not.
  const tls: typeof ssl | undefined = ssl;
  const serverName = isIP(host) ? {} : { servername: host };
  const socket = tls
    ? connectTls({ host, port, ...serverName, ...tls }, onConnect)
    : connectPlain({ host, port }, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  // A request is a single write, so Nagle's algorithm would only delay the last segment.
  socket.setNoDelay(true);
  return socket;
};

/** Log levels are one lower than in kafkajs, because it logs normal events of a reconnecting client as errors. */
const LEVELS: Readonly<Record<string, LogLevel>> = { ERROR: "warn", WARN: "info", INFO: "debug" };

/** This kafkajs warning does not apply, because after a failure a new producer with a new id replaces the old one. */
const NOT_TRUE_HERE = "Limiting retries for the idempotent producer may invalidate EoS guarantees";

function passOn({ namespace, label, log: content }: LogEntry, log: Log): void {
  const { timestamp: _, logger: __, message, ...extra } = content;
  if (message === NOT_TRUE_HERE) return;
  log(LEVELS[label] ?? "debug", `kafkajs ${namespace}: ${message}`, extra);
}
