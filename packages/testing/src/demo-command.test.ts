import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { readPorts } from "@tripline/cli/bootstrap/ports.mjs";
import { ROOT } from "@tripline/cli/workspace";
import { findFreePorts, isPortFree } from "@tripline/local-stack/find-free-ports";

const WAIT_MS_MAX = 120_000;

/** `tripline demo` on ports of its own, with everything it prints. */
class Demo {
  output = "";
  readonly exit: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(portBase: number, args: readonly string[]) {
    const main = join(ROOT, "apps", "cli", "dist", "main.js");
    this.child = spawn(process.execPath, [main, "demo", "--workspace", "test-demo", "--rate", "50", ...args], {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: "", TRIPLINE_PORT_BASE: String(portBase) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    this.exit = once(this.child, "exit").then(([code]) => code as number | null);
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  async prints(text: string): Promise<void> {
    const deadline = Date.now() + WAIT_MS_MAX;
    while (!this.output.includes(text)) {
      if (Date.now() > deadline) throw new Error(`"${text}" was not printed:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe("tripline demo", () => {
  let base = 0;
  beforeAll(async () => {
    [base = 0] = await findFreePorts(1);
  });

  async function takenPorts(): Promise<string[]> {
    const ports = Object.entries(readPorts({ TRIPLINE_PORT_BASE: String(base) }));
    const free = await Promise.all(ports.map(([, port]) => isPortFree(port)));
    return ports.filter((_entry, index) => !free[index]).map(([name]) => name);
  }

  test("stops by itself with exit code 0 and a ledger that balances, and leaves nothing behind", async () => {
    const demo = new Demo(base, ["--exit-after", "4s"]);
    expect([await demo.exit, demo.output]).toEqual([0, expect.stringContaining("lost=0 duplicated=0")]);
    expect(demo.output).toMatch(/from the command to the first decision: \d+\.\d s \(.*start services/);
    expect(demo.output).toMatch(/latency p50 \d+\.\d ms/);
    expect(await takenPorts()).toEqual([]);
  }, 240_000);

  test("Ctrl-C ends all of it, and after kill -9 the next run works", async () => {
    const killed = new Demo(base, []);
    await killed.prints("from the command to the first decision");
    killed.signal("SIGKILL");
    await killed.exit;
    const next = new Demo(base, []);
    await next.prints("from the command to the first decision");
    next.signal("SIGINT");
    expect([await next.exit, next.output]).toEqual([0, expect.stringContaining("lost=0 duplicated=0")]);
    expect(await takenPorts()).toEqual([]);
  }, 240_000);

  test("a duration it does not understand is refused in one sentence, before anything starts", async () => {
    const demo = new Demo(base, ["--exit-after", "soon"]);
    expect(await demo.exit).toBe(1);
    expect(demo.output.trim()).toBe('--exit-after takes a duration such as 30s or 5m, not "soon"');
  });
});
