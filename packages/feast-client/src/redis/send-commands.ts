import type { Cluster, Command, Redis } from "ioredis";
import type { Call } from "../call-policy.js";
import { FeastError, messageOf } from "../feast-error.js";

/** Temporary errors: Redis is loading its data or has no master yet. */
const PASSING = /^(LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|NOREPLICAS|READONLY|MOVED|ASK|OOM)/;
const UNAUTHORIZED = /^(NOAUTH|WRONGPASS|NOPERM)/;

/** Sends commands on the caller's connection, and limits how many may be unanswered. */
export class CommandSender {
  private unanswered = 0;
  private isCorked = false;

  constructor(
    private readonly redis: Redis | Cluster,
    private readonly unansweredMax: number,
  ) {}

  /**
   * Sends commands in one round trip, and waits for all replies or the deadline.
   *
   * A late command stays with ioredis until Redis replies or the connection ends. It counts as unanswered until then,
   * so that commands do not accumulate while Redis hangs.
   *
   * @throws FeastError `overloaded`, `deadline-exceeded`, `aborted`, `unavailable`, `unauthorized`, `server-error`
   */
  async send(commands: readonly Command[], call: Call): Promise<unknown[]> {
    if (this.unanswered + commands.length > this.unansweredMax) {
      const message = `${this.unanswered} commands to Redis have no reply yet; the maximum is ${this.unansweredMax}.`;
      throw new FeastError("overloaded", message);
    }
    this.unanswered += commands.length;
    const onSettled = () => {
      this.unanswered -= 1;
    };
    const replies = this.sendTogether(commands);
    for (const reply of replies) reply.then(onSettled, onSettled);
    try {
      const all =
        replies.length === 1 ? (replies[0] as Promise<unknown>).then((reply) => [reply]) : Promise.all(replies);
      return await call.bound(all, () => this.explainSilence(call));
    } catch (error) {
      throw error instanceof FeastError ? error : explainRedisError(error);
    }
  }

  private sendTogether(commands: readonly Command[]): Promise<unknown>[] {
    this.cork();
    return commands.map((command) => this.redis.sendCommand(command) as Promise<unknown>);
  }

  /**
   * Combines everything sent in this turn of the event loop into one write, including commands of other calls, because
   * writing to the socket is the largest cost of a small read. A cluster distributes commands over its own connections
   * to the nodes.
   */
  private cork(): void {
    // `stream` is undefined for a cluster, and before a connection is established.
    const { stream } = this.redis as Partial<Redis>;
    if (this.isCorked || !stream) return;
    this.isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.isCorked = false;
      stream.uncork();
    });
  }

  /** Distinguishes a hanging Redis from a missing connection, because they have different fixes. */
  private explainSilence(call: Call): FeastError {
    const { status } = this.redis;
    if (status === "ready") return call.expired();
    return new FeastError("unavailable", `Redis is not connected; the state of the connection is "${status}".`);
  }
}

function explainRedisError(error: unknown): FeastError {
  const message = messageOf(error);
  const options = { cause: error };
  // The connection's own commandTimeout was shorter than the call's timeout.
  if (message === "Command timed out") {
    const late = "Redis did not reply within the connection's commandTimeout.";
    return new FeastError("deadline-exceeded", late, undefined, options);
  }
  // The error is not a Redis reply, so it must come from the connection.
  if (!(error instanceof Error) || error.name !== "ReplyError" || PASSING.test(message)) {
    return new FeastError("unavailable", `Redis is unavailable: ${message}.`, undefined, options);
  }
  const code = UNAUTHORIZED.test(message)
    ? "unauthorized"
    : message.startsWith("WRONGTYPE")
      ? "malformed-response"
      : "server-error";
  return new FeastError(code, `Redis rejected the command: ${message}.`, undefined, options);
}
