import type { Socket } from "node:net";
import { isIP } from "node:net";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import type { BaseOptions, ConnectionPool, SASLOptions } from "@platformatic/kafka";
import type { KafkaSecurity, KafkaTls } from "../../port.js";
import type { ClientOptions } from "../client-library.js";

const CONNECTION_MS_MAX = 1_000;
/** Longer with TLS, because the handshake takes two more round trips, and CPU time on both sides. */
const TLS_CONNECTION_MS_MAX = 2_000;
/** May be long: a request to a former leader fails, and the client then refreshes its metadata immediately. */
const METADATA_MS_MAX = 60_000;

export interface ClusterOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly security?: KafkaSecurity;
  /** Receives each new connection; tests use this to cut or delay connections. */
  readonly onSocket?: (socket: Socket) => void;
}

/** Connection timeout, in milliseconds. */
export const connectMsMax = ({ tls }: KafkaSecurity): number =>
  tls === undefined ? CONNECTION_MS_MAX : TLS_CONNECTION_MS_MAX;

export function connectionOptions(cluster: ClusterOptions, { requestMsMax }: ClientOptions): BaseOptions {
  const { brokers, clientId, security = {} } = cluster;
  const { tls, sasl } = security;
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: connectMsMax(security),
    requestTimeout: requestMsMax,
    // How long a broker may wait for its replicas to acknowledge.
    timeout: requestMsMax,
    metadataMaxAge: METADATA_MS_MAX,
    autocreateTopics: false,
    ...(tls === undefined ? {} : { tls: tlsOf(tls), tlsServerName: !brokers.some(isAddress) }),
    ...(sasl === undefined ? {} : { sasl: saslOf(sasl) }),
  };
}

/** Read for every new connection, because certificates are renewed while a client runs. */
function tlsOf(tls: KafkaTls | (() => KafkaTls)): TlsOptions {
  if (typeof tls !== "function") return tls;
  return {
    get ca() {
      return tls().ca;
    },
    get cert() {
      return tls().cert;
    },
    get key() {
      return tls().key;
    },
  };
}

function saslOf(sasl: NonNullable<KafkaSecurity["sasl"]>): SASLOptions {
  if (sasl.mechanism === "oauthbearer") return { mechanism: "OAUTHBEARER", token: () => sasl.token() };
  const { username, password } = sasl;
  const mechanism = { plain: "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512" } as const;
  return { mechanism: mechanism[sasl.mechanism], username, password };
}

/** The TLS server name must not be an IP address (RFC 6066). */
function isAddress(broker: string): boolean {
  return isIP(broker.slice(0, broker.lastIndexOf(":")).replace(/^\[|\]$/g, "")) !== 0;
}

export function watch(pool: ConnectionPool, { onSocket }: ClusterOptions): void {
  if (onSocket !== undefined) pool.on("connect", ({ connection }) => onSocket(connection.socket));
}

export function isAnyConnected(pool: ConnectionPool): boolean {
  return [...pool].some(([, connection]) => connection.isConnected());
}

/** Uses `destroy`, because `close` would first flush pending writes. */
export function cut(pool: ConnectionPool): void {
  for (const [, connection] of pool) connection.socket?.destroy(new Error("the client was closed"));
}
