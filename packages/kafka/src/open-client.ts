import type { Socket } from "node:net";
import { connect as connectPlain, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ISocketFactory, KafkaConfig, LogEntry, RetryOptions } from "kafkajs";
import { Kafka, logLevel } from "kafkajs";
import { patchRequestQueue } from "./patch-request-queue.js";
import type { KafkaSecurity, Log, LogLevel } from "./port.js";

const CONNECTION_MS_MAX = 1_000;
/** A handshake takes two more trips and work on both sides. */
const TLS_CONNECTION_MS_MAX = 2_000;
const KEEP_ALIVE_MS = 60_000;

/** A kafkajs client whose connections can all be cut for good. */
export interface Client {
  readonly kafka: Kafka;
  /** Whether there is a connection to any broker. */
  isConnected(): boolean;
  /**
   * Nothing that this client has under way reaches Kafka any more, and it cannot connect again. kafkajs's own
   * `disconnect` waits for answers and leaves its retry loops running, which then connect anew.
   */
  destroy(): void;
}

export interface ClientOptions {
  /** Longest wait for one answer. */
  readonly requestMsMax: number;
  readonly retry: RetryOptions;
}

export type OpenClient = (options: ClientOptions) => Client;

export interface ConnectionOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Log;
  readonly security?: KafkaSecurity;
  /** Is given each new connection; tests cut and delay here. */
  readonly onSocket?: (socket: Socket) => void;
}

/** How long a connection may take to open, in milliseconds. */
export const connectMsMax = ({ tls }: KafkaSecurity): number =>
  tls === undefined ? CONNECTION_MS_MAX : TLS_CONNECTION_MS_MAX;

/** Opens clients to one cluster. No connection is made before the client is used. */
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
      // Without brokers kafkajs gives up; any other failure to connect it would try again and again.
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
        // With an error, because kafkajs hears of that but not of a plain close, and would wait for the answers.
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
  // The types say that `ssl` is always there; without TLS it is not.
  const tls: typeof ssl | undefined = ssl;
  const serverName = isIP(host) ? {} : { servername: host };
  const socket = tls
    ? connectTls({ host, port, ...serverName, ...tls }, onConnect)
    : connectPlain({ host, port }, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  // A request is written in one piece and waits for its answer: holding back its last segment only adds latency.
  socket.setNoDelay(true);
  return socket;
};

/** kafkajs logs errors that are normal for a client that reconnects by itself: one level lower. */
const LEVELS: Readonly<Record<string, LogLevel>> = { ERROR: "warn", WARN: "info", INFO: "debug" };

/** The producer is rebuilt after every failure, so its sequence numbers are never used again after bounded retries. */
const NOT_TRUE_HERE = "Limiting retries for the idempotent producer may invalidate EoS guarantees";

function passOn({ namespace, label, log: content }: LogEntry, log: Log): void {
  const { timestamp: _, logger: __, message, ...extra } = content;
  if (message === NOT_TRUE_HERE) return;
  log(LEVELS[label] ?? "debug", `kafkajs ${namespace}: ${message}`, extra);
}
