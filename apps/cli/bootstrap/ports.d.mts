/** Every port that a Tripline on this machine listens on, by what listens there. */
export interface Ports {
  readonly ingestion: number;
  readonly auth: number;
  readonly features: number;
  readonly scoring: number;
  readonly scoringGrpc: number;
  readonly decisions: number;
  readonly kafka: number;
  readonly redis: number;
  readonly postgres: number;
}

/**
 * The ports of ports.json, moved as a block when TRIPLINE_PORT_BASE is set.
 *
 * @throws Error in one sentence when TRIPLINE_PORT_BASE leaves no room for the block
 */
export function readPorts(environment?: Readonly<Record<string, string | undefined>>): Ports;
