export interface PlacedFault {
  /** The first line is 1; undefined if the error has no position. */
  readonly line: number | undefined;
  readonly column: number;
  readonly text: string;
}

/** The control plane writes a fault as "line 12, column 5: …", or without a place. */
export function readFault(fault: string): PlacedFault {
  const place = /\bline (\d+)(?:,? column (\d+))?/i.exec(fault);
  return {
    line: place?.[1] === undefined ? undefined : Number(place[1]),
    column: Number(place?.[2] ?? 1),
    text: fault,
  };
}
