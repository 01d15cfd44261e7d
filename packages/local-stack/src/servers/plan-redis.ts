import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import type { ProcessPlan } from "../processes/managed-process.js";

const READY_MS_MAX = 15_000;
const STOP_MS_MAX = 5_000;
const ANSWER_MS_MAX = 1_000;

const USERS_FILE = "users.acl";

/** The number of databases, one per test that needs its own; far more than the number of concurrent tests. */
export const REDIS_DATABASES = 512;

/** How to run Valkey: in memory only, because everything that Tripline stores in it can be rebuilt. */
export function planRedis(options: {
  readonly directory: string;
  readonly server: string;
  readonly port: number;
  /** Content of an ACL file. If absent, every client has all rights. */
  readonly users?: string | undefined;
}): ProcessPlan {
  const folder = `${options.directory}/redis`;
  mkdirSync(folder, { recursive: true });
  if (options.users !== undefined) writeFileSync(`${folder}/${USERS_FILE}`, options.users, { mode: 0o600 });
  const settings = {
    bind: "127.0.0.1",
    port: options.port,
    dir: folder,
    save: "",
    appendonly: "no",
    databases: REDIS_DATABASES,
    maxmemory: "1gb",
    "maxmemory-policy": "noeviction",
    daemonize: "no",
    ...(options.users === undefined ? {} : { aclfile: USERS_FILE }),
  };
  return {
    name: "redis",
    title: "Valkey",
    directory: options.directory,
    command: options.server,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    cwd: folder,
    port: options.port,
    stopSignal: "SIGTERM",
    stopMs: STOP_MS_MAX,
    readyMs: READY_MS_MAX,
    isReady: () => answersPing(options.port),
  };
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: ANSWER_MS_MAX });
    const finish = (isRight: boolean) => {
      socket.destroy();
      resolve(isRight);
    };
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", (answer) => finish(/^(\+PONG|-NOAUTH)/.test(answer.toString())));
    for (const event of ["error", "timeout", "end"] as const) socket.once(event, () => finish(false));
  });
}
