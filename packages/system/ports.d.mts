export type PortName =
  | "ingestion"
  | "auth"
  | "control"
  | "console"
  | "features"
  | "scoring"
  | "scoringGrpc"
  | "decisions"
  | "archive"
  | "kafka"
  | "redis"
  | "postgres";

/** All ports of a Tripline system on this machine, by the program that listens there. */
export type Ports = Readonly<Record<PortName, number>>;

/**
 * The ports of ports.json, moved as a block when TRIPLINE_PORT_BASE is set.
 *
 * @throws Error in one sentence when TRIPLINE_PORT_BASE leaves no room for the block
 */
export function readPorts(environment?: Readonly<Record<string, string | undefined>>): Ports;
