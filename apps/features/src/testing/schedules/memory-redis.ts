import { TriplineError } from "@tripline/contracts/error-table";
import type { RedisServer, ServerConnection, WireCommand } from "./redis-server.js";

const OK = Buffer.from("OK");
const QUEUED = Buffer.from("QUEUED");

/**
 * The part of Redis that window states need, in memory: WATCH, MULTI, EXEC and the commands between them. As in Redis,
 * a watched key counts as changed if it was written or removed, whatever its value. Keys expire only when the schedule
 * calls `expire`.
 */
export class MemoryRedis implements RedisServer {
  #values = new Map<string, Buffer>();
  #saved: ReadonlyMap<string, Buffer> | undefined;
  /** Number of writes and removals of each key. */
  readonly #changes = new Map<string, number>();

  async open(): Promise<ServerConnection> {
    return new MemoryConnection(this);
  }

  async get(key: string): Promise<Buffer | null> {
    return this.#values.get(key) ?? null;
  }

  async expire(key: string): Promise<boolean> {
    return this.#remove(key);
  }

  async save(): Promise<void> {
    this.#saved = new Map(this.#values);
  }

  async rollBack(): Promise<boolean> {
    if (this.#saved === undefined) return false;
    this.#values = new Map(this.#saved);
    return true;
  }

  async reset(): Promise<void> {
    this.#values.clear();
    this.#saved = undefined;
  }

  changesOf(key: string): number {
    return this.#changes.get(key) ?? 0;
  }

  /** @throws TriplineError `internal` for a command that is not implemented here */
  answer({ name, args }: WireCommand): unknown {
    const words = args.map((arg) => arg.toString("latin1"));
    const [key = ""] = words;
    switch (name) {
      case "get":
        return this.#values.get(key) ?? null;
      case "mget":
        return words.map((word) => this.#values.get(word) ?? null);
      case "exists":
        return words.filter((word) => this.#values.has(word)).length;
      case "getrange": {
        const [, start = "", end = ""] = words;
        return (this.#values.get(key) ?? Buffer.alloc(0)).subarray(Number(start), Number(end) + 1);
      }
      case "set":
        if (words.includes("NX", 2) && this.#values.has(key)) return null;
        this.#set(key, args[1]);
        return OK;
      case "msetex":
        for (let pair = 0; pair < Number(key); pair += 1) this.#set(words[1 + 2 * pair] ?? "", args[2 + 2 * pair]);
        return 1;
      case "del":
        return Number(this.#remove(key));
      case "publish":
        return 0;
      case "info":
        return Buffer.from("maxmemory_policy:noeviction\r\n");
      case "command":
        // Reports that it knows the requested command.
        return [[Buffer.from(words[1] ?? "")]];
      default:
        throw new TriplineError("internal", `The in-memory Redis does not support ${name}.`);
    }
  }

  #remove(key: string): boolean {
    const existed = this.#values.delete(key);
    if (existed) this.#changes.set(key, this.changesOf(key) + 1);
    return existed;
  }

  #set(key: string, value: Buffer | undefined): void {
    this.#values.set(key, Buffer.from(value ?? ""));
    this.#changes.set(key, this.changesOf(key) + 1);
  }
}

class MemoryConnection implements ServerConnection {
  /** Watched keys, with their numbers of changes when the watch began. */
  readonly #watched = new Map<string, number>();
  #transaction: WireCommand[] | undefined;

  constructor(private readonly server: MemoryRedis) {}

  async run(commands: readonly WireCommand[]): Promise<unknown[]> {
    return commands.map((command) => this.#run(command));
  }

  async close(): Promise<void> {
    this.#watched.clear();
    this.#transaction = undefined;
  }

  #run(command: WireCommand): unknown {
    switch (command.name) {
      case "watch":
        for (const key of command.args) this.#watch(key.toString("latin1"));
        return OK;
      case "unwatch":
        this.#watched.clear();
        return OK;
      case "multi":
        this.#transaction = [];
        return OK;
      case "exec":
        return this.#exec();
      default:
        if (this.#transaction === undefined) return this.server.answer(command);
        this.#transaction.push(command);
        return QUEUED;
    }
  }

  #watch(key: string): void {
    // A key that is already watched keeps its earlier number.
    if (!this.#watched.has(key)) this.#watched.set(key, this.server.changesOf(key));
  }

  #exec(): unknown {
    const transaction = this.#transaction ?? [];
    const untouched = [...this.#watched].every(([key, changes]) => this.server.changesOf(key) === changes);
    this.#watched.clear();
    this.#transaction = undefined;
    return untouched ? transaction.map((command) => this.server.answer(command)) : null;
  }
}
