import type { Socket } from "node:net";
import { connect as connectPlain, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ISocketFactory, KafkaConfig, RetryOptions } from "kafkajs";
import { Kafka, logLevel } from "kafkajs";
import type { ClusterOptions } from "./client/platformatic/connection-options.js";
import { connectMsMax } from "./client/platformatic/connection-options.js";
import type { KafkaSecurity, Log } from "./port.js";

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

export interface ConnectionOptions extends ClusterOptions {
  readonly log: Log;
}

/** Opens kafkajs clients for one cluster, for tests and rehearsed attacks. A client connects on first use. */
export function clientOpener(options: ConnectionOptions): OpenClient {
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
      logCreator:
        () =>
        ({ namespace, log: { message, ...extra } }) => {
          if (!isDestroyed) log("debug", `kafkajs ${namespace}: ${message}`, extra);
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
  // The types claim that `ssl` is always present, but it is absent without TLS.
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
