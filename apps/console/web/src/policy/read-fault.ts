export interface PlacedFault {
  /** The first line is 1; undefined if the error has no position. */
  readonly line: number | undefined;
  readonly column: number;
  readonly text: string;
}

/** A fault from the control plane may start with its position, as in "policy.yaml:12:5 …". */
export function readFault(fault: string): PlacedFault {
  const place = /^[^\s:]+:(\d+):(\d+) /.exec(fault);
  return {
    line: place?.[1] === undefined ? undefined : Number(place[1]),
    column: Number(place?.[2] ?? 1),
    text: fault,
  };
}
