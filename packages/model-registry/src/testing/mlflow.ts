import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";

/** Shared by the tests: a real MLflow server, and a proxy that injects failures. */

export const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const START_MS_MAX = 300_000;
const STOP_MS_MAX = 20_000;

export interface RunningMlflow {
  readonly url: string;
  /** Where the server's artifact proxy stores files. */
  readonly artifacts: string;
  stop(): Promise<void>;
}

/** Starts `mlflow server` on a free port, with its own database and artifacts. */
export async function startMlflow(environment: NodeJS.ProcessEnv): Promise<RunningMlflow> {
  const requirementsFile = `${ROOT}/packages/model-registry/mlflow-requirements.txt`;
  const { python } = await provisionPython({ name: "mlflow", requirementsFile, root: ROOT });
  const directory = await mkdtemp(join(tmpdir(), "tripline-mlflow-"));
  const artifacts = join(directory, "artifacts");
  const stores = ["--backend-store-uri", `sqlite:///${directory}/mlflow.db`, "--artifacts-destination", artifacts];
  const server = spawn(python, ["-m", "mlflow", "server", "--port", "0", "--workers", "1", ...stores], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
    // Its web server is a child process. With a separate process group, both can be stopped at the same time.
    detached: true,
    env: {
      ...environment,
      ...keepBytecode(python),
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: "false",
      MLFLOW_DISABLE_TELEMETRY: "true",
      PYTHONUNBUFFERED: "1",
    },
  });
  const ended = once(server, "close");
  const stop = async (): Promise<void> => {
    const signal = (name: NodeJS.Signals): void => {
      if (server.pid !== undefined && server.exitCode === null) process.kill(-server.pid, name);
    };
    signal("SIGTERM");
    const late = setTimeout(() => signal("SIGKILL"), STOP_MS_MAX);
    await ended;
    clearTimeout(late);
    await rm(directory, { recursive: true, force: true });
  };
  let said = "";
  const url = await new Promise<string | undefined>((resolve) => {
    const late = setTimeout(() => resolve(undefined), START_MS_MAX);
    for (const stream of [server.stdout, server.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        said = `${said}${line}\n`.slice(-4_000);
        const found = /running on (http:\/\/\S+)/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
    }
    void ended.then(() => resolve(undefined));
    void ended.finally(() => clearTimeout(late));
  });
  if (url !== undefined) return { url, artifacts, stop };
  await stop();
  throw new Error(`MLflow did not start:\n${said}`);
}

export interface FaultProxy {
  readonly url: string;
  /** The received Authorization headers, in order. */
  readonly authorizations: (string | undefined)[];
  /** Status codes with which to answer the next requests instead of forwarding them; 0 forwards a request. */
  readonly failures: number[];
  /** Whether connections are dropped without an answer. */
  isDown: boolean;
  requests: number;
  close(): Promise<void>;
}

/** Forwards requests to the real server, unless a failure is due. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const server: Server = createServer(async (request, response) => {
    proxy.requests += 1;
    proxy.authorizations.push(request.headers.authorization);
    if (proxy.isDown) return void request.socket.destroy();
    const status = proxy.failures.shift();
    if (status !== undefined && status !== 0) return void response.writeHead(status).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method = "GET", headers } = request;
    const answer = await fetch(`${target}${request.url}`, {
      method,
      headers: { "content-type": headers["content-type"] ?? "application/octet-stream" },
      ...(chunks.length > 0 ? { body: new Uint8Array(Buffer.concat(chunks)) } : {}),
    });
    response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${port}`,
    authorizations: [],
    failures: [],
    isDown: false,
    requests: 0,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return proxy;
}
