import { Command } from "ioredis";

/**
 * HMGET of fields that stay the same, for keys that change. The bytes of the fields are laid out once: of a read of 50
 * features that is a third of the processor time of this side.
 */
export class HashRead {
  private readonly head: Buffer;
  private readonly tail: Buffer;
  readonly fieldCount: number;

  constructor(fields: readonly Buffer[]) {
    this.fieldCount = fields.length;
    this.head = Buffer.from(`*${fields.length + 2}\r\n$5\r\nhmget\r\n`);
    this.tail = Buffer.concat(fields.flatMap((field) => [Buffer.from(`\r\n$${field.length}\r\n`), field]));
  }

  /** The reply is the values of the fields in their order, null for one that is not there. */
  command(key: Buffer): Command {
    const length = Buffer.from(`$${key.length}\r\n`);
    return new LaidOutCommand(key, Buffer.concat([this.head, length, key, this.tail, END]));
  }
}

const END = Buffer.from("\r\n");

/** A command whose bytes are known. ioredis still sees name and key, by which it finds the node of a cluster. */
class LaidOutCommand extends Command {
  constructor(
    key: Buffer,
    private readonly bytes: Buffer,
  ) {
    super("hmget", [key]);
  }

  override toWritable(): Buffer {
    return this.bytes;
  }
}
