import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const ENTRY = fileURLToPath(new URL("./main.js", import.meta.url));
const START_MS_MAX = 120_000;

/** For tests: the service as a separate process. */
export class ChildArchive {
  /** Resolves with the signal that ended the process, or null. */
  readonly ended: Promise<NodeJS.Signals | null>;
  /** The log of the process up to now. */
  log = "";

  private constructor(
    private readonly child: ChildProcess,
    readonly url: Promise<string>,
  ) {
    this.ended = new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
    child.stdout?.on("data", (text: Buffer) => {
      this.log += text.toString();
    });
  }

  /** @param killAt where the process kills itself: arguments of `main.ts` */
  static start(environment: Readonly<Record<string, string>>, killAt: readonly string[] = []): ChildArchive {
    const child = spawn(process.execPath, [ENTRY, ...killAt], {
      env: { EXIT_WITH_PARENT: "1", ...environment, LOG_LEVEL: "info" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const url = urlIn(child);
    // If the process dies before it is up, `ended` reports it.
    url.catch(() => {});
    return new ChildArchive(child, url);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The value of a metric, summed over its labels; 0 if it does not exist yet. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${await this.url}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(/\s([\d.e+]+)(\s\d+)?$/.exec(line)?.[1] ?? 0), 0);
  }

  /** Stops it gracefully, or kills it if that takes too long. */
  async stop(): Promise<void> {
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), 20_000);
    await this.ended;
    clearTimeout(timer);
  }
}

/** The URL of the service, from its log. */
function urlIn(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error(`not up within ${START_MS_MAX} ms: ${text}`)), START_MS_MAX);
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      settle();
    };
    child.once("exit", () => finish(() => reject(new Error(`ended before it was up: ${text}`))));
    child.stdout?.on("data", (data: Buffer) => {
      text += data.toString();
      const url = /"url":"([^"]+)"/.exec(text)?.[1];
      if (url !== undefined) finish(() => resolve(url));
    });
  });
}
