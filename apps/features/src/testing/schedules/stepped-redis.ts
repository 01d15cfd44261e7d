import type { Command } from "ioredis";
import { Redis } from "ioredis";
import type { RedisServer, ServerConnection, WireCommand } from "./redis-server.js";
import { parseCommands } from "./redis-server.js";

/** Commands that were sent, and therefore arrive, together. */
interface Call {
  readonly commands: Command[];
  readonly pipeline: unknown;
  /** The client has timed out, but the server still executes the commands once it reaches them. */
  isOverdue: boolean;
}

/** The fate of the next call of a connection. */
export type CallFate = "answered" | "lost-before" | "lost-after" | "overdue";

/**
 * An ioredis connection, as the services use it. Each call waits until the schedule lets it proceed to the server.
 * Calls on a connection stay in order, as on a socket.
 */
export class SteppedRedis {
  readonly redis: Redis;
  readonly #calls: Call[] = [];
  #connection: ServerConnection | undefined;

  constructor(private readonly server: RedisServer) {
    this.redis = new Redis({ lazyConnect: true });
    Object.assign(this.redis, { sendCommand: (command: Command, pipeline?: unknown) => this.#hold(command, pipeline) });
  }

  get waiting(): number {
    return this.#calls.length;
  }

  /** Lets the next call proceed. */
  async step(fate: CallFate): Promise<void> {
    const call = this.#calls[0];
    if (call === undefined) return;
    if (fate === "overdue") {
      // The call keeps its place, before all later ones.
      if (!call.isOverdue) rejectAll(call, "Command timed out");
      call.isOverdue = true;
      return;
    }
    if (fate === "lost-before") return this.break();
    this.#connection ??= await this.server.open();
    const replies = await this.#connection.run(call.commands.flatMap(onWire));
    if (fate === "lost-after") return this.break();
    this.#calls.shift();
    if (call.isOverdue) return;
    for (const [index, command] of call.commands.entries()) command.resolve(replies[index]);
  }

  #hold(command: Command, pipeline: unknown): Promise<unknown> {
    const last = this.#calls.at(-1);
    if (pipeline !== undefined && last?.pipeline === pipeline) last.commands.push(command);
    else this.#calls.push({ commands: [command], pipeline, isOverdue: false });
    return command.promise;
  }

  /** All pending calls fail, as on a closed socket. */
  async break(): Promise<void> {
    await this.#connection?.close();
    this.#connection = undefined;
    this.redis.emit("close");
    for (const call of this.#calls.splice(0)) if (!call.isOverdue) rejectAll(call, "Connection is closed.");
  }
}

function rejectAll(call: Call, message: string): void {
  for (const command of call.commands) command.reject(new Error(message));
}

function onWire(command: Command): WireCommand[] {
  const bytes = command.toWritable(undefined as never);
  return parseCommands(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes));
}
