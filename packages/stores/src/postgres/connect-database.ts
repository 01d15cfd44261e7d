import { TriplineError } from "@tripline/contracts/error-table";
import { labelledGauge } from "@tripline/telemetry/metrics";
import type { PoolConfig } from "pg";
import { DatabaseError, Pool } from "pg";
import { z } from "zod";
import type { DatabaseAddress } from "./reach-database.js";

/** Executes SQL, either on the pool or in one transaction. */
export interface Queries {
  /**
   * @param row schema of each row
   * @throws TriplineError `database-unavailable`, or `internal` for an invalid statement or row
   */
  query<S extends z.ZodType>(row: S, text: string, values?: readonly unknown[]): Promise<z.infer<S>[]>;
  /** @returns the number of changed rows */
  execute(text: string, values?: readonly unknown[]): Promise<number>;
}

export interface Database extends Queries {
  /**
   * All or nothing: if `run` throws, everything is rolled back.
   *
   * @throws TriplineError `database-unavailable` if the connection breaks; and any error of `run`
   */
  transaction<T>(run: (transaction: Queries) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface DatabaseOptions extends DatabaseAddress {
  /** Appears in the list of connections. Default: `tripline`. */
  readonly applicationName?: string;
  readonly connectionsMax: number;
  readonly queryTimeoutMs: number;
  /** Timeout for a new connection. Default: 3 s. */
  readonly connectTimeoutMs?: number;
  /** Called when an idle connection breaks; the pool replaces it. */
  onIdleError(error: Error): void;
}

const CONNECT_TIMEOUT_MS = 3_000;
const IDLE_TIMEOUT_MS = 30_000;

/** A bounded pool of Postgres connections. Connects with the first query. */
export function connectDatabase(options: DatabaseOptions): Database {
  const pool = new Pool({
    ...signInOf(options),
    application_name: options.applicationName ?? "tripline",
    max: options.connectionsMax,
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    query_timeout: options.queryTimeoutMs,
    statement_timeout: options.queryTimeoutMs,
  });
  pool.on("error", options.onIdleError);
  // The pool listens only to idle connections. Without this listener, a connection that breaks in a transaction would
  // end the process. With it, the transaction's next statement fails, and the pool discards the broken connection.
  pool.on("connect", (client) => client.on("error", () => {}));
  const endWatch = watchPool(pool, options.applicationName ?? "tripline");
  const hasToken = options.password !== undefined;
  const failed = (error: unknown): never => {
    throw asDatabaseError(error, hasToken);
  };
  return {
    ...queriesOn(pool, failed),
    async transaction(run) {
      const client = await pool.connect().catch(failed);
      let broken: Error | undefined;
      try {
        const queries = queriesOn(client, failed);
        await queries.execute("BEGIN");
        const result = await run(queries);
        await queries.execute("COMMIT");
        return result;
      } catch (error) {
        // A connection to a demoted server stays read-only. Outside transactions, the pool discards it after a failure.
        if (isReadOnly(error)) broken = error;
        await client.query("ROLLBACK").catch((fault: Error) => {
          broken = fault;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    close() {
      endWatch();
      return pool.end();
    },
  };
}

/** @returns a function that removes the metric */
function watchPool(pool: Pool, application: string): () => void {
  const labels = {
    description: "Connections to Postgres, and queries waiting for one",
    labels: ["application", "state"],
  } as const;
  return labelledGauge("tripline_postgres_connections", labels, () => [
    [pool.totalCount - pool.idleCount, { application, state: "busy" }],
    [pool.idleCount, { application, state: "idle" }],
    [pool.waitingCount, { application, state: "waiting" }],
  ]);
}

interface Connection {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null }>;
}

/** In `pg`, a connection string overrides all other options, so with a token, `pg` gets the URL's parts instead. */
function signInOf({ url, tls, password }: DatabaseAddress): PoolConfig {
  const ssl = tls === undefined ? {} : { ssl: tls };
  if (password === undefined) return { ...ssl, connectionString: url };
  const { hostname, port, username, pathname } = new URL(url);
  return {
    ...ssl,
    host: hostname.replace(/^\[(.+)\]$/, "$1"),
    ...(port === "" ? {} : { port: Number(port) }),
    user: decodeURIComponent(username),
    database: decodeURIComponent(pathname.slice(1)),
    password,
  };
}

function queriesOn(connection: Connection, failed: (error: unknown) => never): Queries {
  return {
    async query(row, text, values = []) {
      const result = await connection.query(text, [...values]).catch(failed);
      return z.array(row).parse(result.rows);
    },
    async execute(text, values) {
      // Without values, Postgres accepts several statements at once, as migrations require.
      const answer = values === undefined ? connection.query(text) : connection.query(text, [...values]);
      return (await answer.catch(failed)).rowCount ?? 0;
    },
  };
}

/** Whether a statement violated the named constraint or unique index. */
export function breaksConstraint(error: unknown, name: string): boolean {
  return error instanceof TriplineError && error.cause instanceof DatabaseError && error.cause.constraint === name;
}

/**
 * Transient error classes of https://www.postgresql.org/docs/current/errcodes-appendix.html. Class 58 is for errors of the
 * server's disk.
 */
const PASSING_CLASSES = new Set(["08", "40", "53", "55", "57", "58"]);
/** The server has become a replica, or its provider has made it read-only because the disk is full. */
const READ_ONLY = "25006";
/** Wrong user or password, or missing database. */
const CONFIG_CLASSES = new Set(["28", "3D"]);

function isReadOnly(error: unknown): error is TriplineError {
  return error instanceof TriplineError && error.cause instanceof DatabaseError && error.cause.code === READ_ONLY;
}

function asDatabaseError(error: unknown, hasToken: boolean): TriplineError {
  // A new connection needs a token, and none was available.
  if (error instanceof TriplineError) return error;
  const { code = "" } = error instanceof DatabaseError ? error : { code: "08000" };
  const errorClass = code.slice(0, 2);
  if (hasToken && errorClass === "28") {
    // May be temporary, because permissions take a while to propagate, and the next token is a new one.
    const detail = `The database rejects this service's identity: ${messageOf(error)}. Check that the user exists in the database and that the identity may sign in as this user.`;
    return new TriplineError("database-unavailable", detail, [], { cause: error });
  }
  if (CONFIG_CLASSES.has(errorClass)) {
    return new TriplineError("config-invalid", `The database rejects POSTGRES_URL: ${messageOf(error)}.`);
  }
  if (PASSING_CLASSES.has(errorClass) || code === READ_ONLY) {
    return new TriplineError("database-unavailable", `The database is unavailable: ${messageOf(error)}.`, [], {
      cause: error,
    });
  }
  return new TriplineError("internal", `A database statement failed: ${messageOf(error)}.`, [], { cause: error });
}

function messageOf(error: unknown): string {
  // If a name has several addresses, a refused connection is an AggregateError without its own message.
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}
