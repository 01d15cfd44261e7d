import { TriplineError } from "@tripline/contracts/error-table";
import type { ChainableCommander } from "ioredis";
import { Command, Pipeline } from "ioredis";

/** Framing bytes of a bulk string: `$`, the digits of its length, and two CR LFs. */
const BULK_BYTES_MAX = 16;

/**
 * A command with its arguments as bytes, for commands with hundreds of keys, because ioredis would create about six
 * objects per key. The reply consists of buffers.
 */
class EncodedCommand extends Command {
  constructor(
    name: string,
    private readonly encoded: Buffer,
  ) {
    super(name, [], { replyEncoding: null });
  }

  override toWritable(): Buffer {
    return this.encoded;
  }
}

/** Adds a command to a pipeline or transaction, like `pipeline.call(name, ...args)`. */
export function addCommand(
  pipeline: ChainableCommander,
  name: string,
  args: readonly (string | Uint8Array)[],
): ChainableCommander {
  return addBuilt(pipeline, new EncodedCommand(name, encodeCommand(name, args)));
}

/** Adds an existing command. Its reply has the encoding that the command specifies. */
export function addBuilt(pipeline: ChainableCommander, command: Command): ChainableCommander {
  if (!(pipeline instanceof Pipeline))
    throw new TriplineError("internal", "The argument is not a pipeline of ioredis.");
  pipeline.sendCommand(command);
  return pipeline;
}

/** An array of bulk strings, https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export function encodeCommand(name: string, args: readonly (string | Uint8Array)[]): Buffer {
  let room = (name.length + 1) * BULK_BYTES_MAX;
  for (const arg of args) room += bytesOf(arg) + BULK_BYTES_MAX;
  const buffer = Buffer.allocUnsafe(room);
  let at = buffer.write(`*${args.length + 1}\r\n$${name.length}\r\n${name}\r\n`, "latin1");
  for (const arg of args) {
    const length = bytesOf(arg);
    at += buffer.write(`$${length}\r\n`, at, "latin1");
    if (typeof arg === "string") buffer.write(arg, at);
    else buffer.set(arg, at);
    at += length;
    buffer[at] = CR;
    buffer[at + 1] = LF;
    at += 2;
  }
  return buffer.subarray(0, at);
}

function bytesOf(arg: string | Uint8Array): number {
  return typeof arg === "string" ? Buffer.byteLength(arg) : arg.length;
}

const CR = 0x0d;
const LF = 0x0a;
