import { findFreePorts } from "@tripline/local-stack/processes/find-free-ports";
import type { BenchContext } from "./bench-context.js";
import { startServer } from "./start-server.js";

const ANSWER_MS_MAX = 2_000;

export interface HttpServer {
  readonly url: string;
  readonly pid: number;
}

export interface HttpPlan {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[] | ((port: number) => readonly string[]);
  /** Answers 200 once the server is ready. */
  readonly readyPath: string;
  readonly readyMs: number;
  readonly environment: (port: number) => Readonly<Record<string, string>>;
}

/** Starts a server on a free port, and waits until it is ready. */
export async function startHttpServer(context: BenchContext, plan: HttpPlan): Promise<HttpServer> {
  const [port = 0] = await findFreePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const { name, command, args, readyMs } = plan;
  const pid = await startServer(context, {
    name,
    command,
    args: typeof args === "function" ? args(port) : args,
    environment: plan.environment(port),
    port,
    readyMs,
    isReady: () => answers(url + plan.readyPath),
  });
  return { url, pid };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS_MAX) })).status === 200;
  } catch {
    return false;
  }
}
