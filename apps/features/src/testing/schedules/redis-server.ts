/** A command as sent over the wire: its name in lower case, and its arguments. */
export interface WireCommand {
  readonly name: string;
  readonly args: readonly Buffer[];
}

/** One connection from the server's view. Commands run in the order in which they were sent. */
export interface ServerConnection {
  /** @returns the reply to each command, as bytes */
  run(commands: readonly WireCommand[]): Promise<unknown[]>;
  /** Ends the connection's watches and any open transaction. */
  close(): Promise<void>;
}

/** The operations that a schedule needs from Redis. */
export interface RedisServer {
  open(): Promise<ServerConnection>;
  /** Value of a key, read outside of any connection. */
  get(key: string): Promise<Buffer | null>;
  /** Removes a key, as if it had expired. @returns false if it does not exist */
  expire(key: string): Promise<boolean>;
  /** Saves a copy of all keys and values, as a replica does. */
  save(): Promise<void>;
  /** Replaces all keys with the saved ones. The caller must then close all connections. @returns false if none are saved */
  rollBack(): Promise<boolean>;
  /** Removes all keys, including saved ones, and closes all connections. */
  reset(): Promise<void>;
}

/**
 * Parses the bytes of one or more commands, each an array of bulk strings,
 * https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export function parseCommands(bytes: Buffer): WireCommand[] {
  const commands: WireCommand[] = [];
  let at = 0;
  const number = (): number => {
    const end = bytes.indexOf("\r\n", at);
    const value = Number(bytes.toString("latin1", at + 1, end));
    at = end + 2;
    return value;
  };
  while (at < bytes.length) {
    const words = Array.from({ length: number() }, () => {
      const length = number();
      const word = bytes.subarray(at, at + length);
      at += length + 2;
      return word;
    });
    const [name = Buffer.alloc(0), ...args] = words;
    commands.push({ name: name.toString("latin1").toLowerCase(), args });
  }
  return commands;
}
