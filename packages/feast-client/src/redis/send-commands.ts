import type { Cluster, Command, Redis } from "ioredis";
import type { Call } from "../call-policy.js";
import { FeastError, messageOf } from "../feast-error.js";

/** Redis answers so later, when it has loaded its data or found its master. */
const PASSING = /^(LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|NOREPLICAS|READONLY|MOVED|ASK|OOM)/;
const UNAUTHORIZED = /^(NOAUTH|WRONGPASS|NOPERM)/;

/** Sends commands on a connection that the caller owns, with a bound on those that have no answer yet. */
export class CommandSender {
  private unanswered = 0;
  private isCorked = false;

  constructor(
    private readonly redis: Redis | Cluster,
    private readonly unansweredMax: number,
  ) {}

  /**
   * Sends commands back to back, in one round trip, and waits for all replies or the deadline.
   *
   * A command that is late stays with ioredis until Redis answers or the connection ends; it counts as unanswered until
   * then, so that a Redis that hangs does not make commands pile up.
   *
   * @throws FeastError `overloaded`, `deadline-exceeded`, `aborted`, `unavailable`, `unauthorized`, `server-error`
   */
  async send(commands: readonly Command[], call: Call): Promise<unknown[]> {
    if (this.unanswered + commands.length > this.unansweredMax) {
      const message = `${this.unanswered} commands to Redis have no answer yet; ${this.unansweredMax} is the most.`;
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
   * Lets all that is sent in this turn of the event loop leave in one write, that of other calls included: the write to
   * the socket is what costs most of a small read. A cluster spreads commands over its nodes' own connections.
   */
  private cork(): void {
    // A cluster has no stream of its own, nor has a connection that is not made yet.
    const { stream } = this.redis as Partial<Redis>;
    if (this.isCorked || !stream) return;
    this.isCorked = true;
    stream.cork();
    process.nextTick(() => {
      this.isCorked = false;
      stream.uncork();
    });
  }

  /** Says whether Redis hangs or is not connected at all, since the two are fixed differently. */
  private explainSilence(call: Call): FeastError {
    const { status } = this.redis;
    if (status === "ready") return call.expired();
    return new FeastError("unavailable", `Redis is not connected; the connection is in the state "${status}".`);
  }
}

function explainRedisError(error: unknown): FeastError {
  const message = messageOf(error);
  const options = { cause: error };
  // The connection's own commandTimeout was shorter than the call's.
  if (message === "Command timed out") {
    const late = "Redis did not answer within the commandTimeout of the connection.";
    return new FeastError("deadline-exceeded", late, undefined, options);
  }
  // What is not a reply came from the connection.
  if (!(error instanceof Error) || error.name !== "ReplyError" || PASSING.test(message)) {
    return new FeastError("unavailable", `Redis is unavailable: ${message}.`, undefined, options);
  }
  const code = UNAUTHORIZED.test(message)
    ? "unauthorized"
    : message.startsWith("WRONGTYPE")
      ? "malformed-response"
      : "server-error";
  return new FeastError(code, `Redis refused the command: ${message}.`, undefined, options);
}
