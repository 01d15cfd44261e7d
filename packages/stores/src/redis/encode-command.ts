import { TriplineError } from "@tripline/contracts/error-table";
import type { ChainableCommander, Cluster, Redis } from "ioredis";
import { Command, Pipeline } from "ioredis";

const UTF8_BYTES_PER_UNIT_MAX = 3;

/** Arguments that were encoded once, for use in several commands. */
class EncodedArguments {
  constructor(
    readonly count: number,
    /** The arguments as bulk strings. */
    readonly text: string,
  ) {}
}

type Argument = string | Uint8Array | EncodedArguments;

/**
 * A command with its arguments as bytes, for commands with hundreds of keys, because ioredis would create about six
 * objects per key. The reply consists of buffers.
 */
class EncodedCommand extends Command {
  constructor(
    name: string,
    private readonly encoded: Buffer,
    /** Decides which node of a cluster receives the command; undefined: any node. */
    private readonly key?: string,
  ) {
    super(name, [], { replyEncoding: null });
  }

  override getKeys(): string[] {
    return this.key === undefined ? [] : [this.key];
  }

  override toWritable(): Buffer {
    return this.encoded;
  }
}

/**
 * Sends a command, like `redis.call(name, ...args)`.
 *
 * @param key one of the command's keys, for a cluster
 */
export function sendEncoded(
  redis: Redis | Cluster,
  name: string,
  args: readonly Argument[],
  key?: string,
): Promise<unknown> {
  const command = new EncodedCommand(name, encodeCommand(name, args), key);
  redis.sendCommand(command);
  return command.promise;
}

/** Adds a command to a pipeline or transaction, like `pipeline.call(name, ...args)`. See `sendEncoded` for `key`. */
export function addCommand(
  pipeline: ChainableCommander,
  name: string,
  args: readonly Argument[],
  key?: string,
): ChainableCommander {
  return addBuilt(pipeline, new EncodedCommand(name, encodeCommand(name, args), key));
}

/** Adds an existing command. Its reply has the encoding that the command specifies. */
export function addBuilt(pipeline: ChainableCommander, command: Command): ChainableCommander {
  if (!(pipeline instanceof Pipeline)) throw new TriplineError("internal", "The argument is not an ioredis pipeline.");
  pipeline.sendCommand(command);
  return pipeline;
}

/**
 * Encodes a command as an array of bulk strings: https://redis.io/docs/latest/develop/reference/protocol-spec/
 *
 * Everything between two binary arguments is written as one string, because a call into Node costs more than a key.
 */
export function encodeCommand(name: string, args: readonly Argument[]): Buffer {
  const parts: (string | Uint8Array)[] = [];
  let text = `*${countOf(args) + 1}\r\n${bulkString(name)}`;
  let room = 0;
  for (const arg of args) {
    if (typeof arg === "string") text += bulkString(arg);
    else if (arg instanceof EncodedArguments) text += arg.text;
    else {
      text += `$${arg.length}\r\n`;
      parts.push(text, arg);
      room += text.length * UTF8_BYTES_PER_UNIT_MAX + arg.length;
      text = "\r\n";
    }
  }
  if (parts.length === 0) return Buffer.from(text);
  parts.push(text);
  return joined(parts, room + text.length * UTF8_BYTES_PER_UNIT_MAX);
}

export function encodeArguments(args: readonly string[]): EncodedArguments {
  let text = "";
  for (const arg of args) text += bulkString(arg);
  return new EncodedArguments(args.length, text);
}

function bulkString(arg: string): string {
  return `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
}

function countOf(args: readonly Argument[]): number {
  return args.reduce((count, arg) => count + (arg instanceof EncodedArguments ? arg.count : 1), 0);
}

/** @param room upper bound for the total size of the parts, in bytes */
function joined(parts: readonly (string | Uint8Array)[], room: number): Buffer {
  const buffer = Buffer.allocUnsafe(room);
  let at = 0;
  for (const part of parts) {
    if (typeof part === "string") {
      at += buffer.write(part, at);
    } else {
      buffer.set(part, at);
      at += part.length;
    }
  }
  return buffer.subarray(0, at);
}
