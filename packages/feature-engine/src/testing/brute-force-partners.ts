/* The part of the oracle for partners. It uses no code from the engine. */

interface CountedEvent {
  readonly kind: string;
  readonly atMs: number;
  readonly fraud: boolean;
}

interface Partner {
  readonly partner: string | undefined;
  readonly lastMs: number;
  /** Number of payments since the partner last counted as new. */
  readonly count: number;
  /** Whether one of them was labelled as fraud. */
  fraud: boolean;
}

/** Partners, newest first. @param events the entity's counted payments and its labels */
export function partnersOf<Event extends CountedEvent>(
  events: readonly Event[],
  partnerOf: (event: Event) => string | undefined,
  horizonMs: number,
): Partner[] {
  let table: Partner[] = [];
  let newest = -1;
  for (const event of events) {
    const known = table.find((row) => row.partner === partnerOf(event));
    if (event.kind === "label") {
      if (known !== undefined) known.fraud ||= event.fraud;
      continue;
    }
    newest = Math.max(newest, event.atMs);
    table = table.filter((row) => row.lastMs > newest - horizonMs);
    if (event.atMs <= newest - horizonMs || partnerOf(event) === undefined) continue;
    const kept = table.find((row) => row === known);
    table = table.filter((row) => row !== kept);
    const lastMs = Math.max(event.atMs, kept?.lastMs ?? 0);
    const place = table.filter((row) => row.lastMs > lastMs).length;
    const [count, fraud] = [(kept?.count ?? 0) + 1, kept?.fraud ?? false];
    table.splice(place, 0, { partner: partnerOf(event), lastMs, count, fraud });
    table = table.slice(0, 128);
  }
  return table;
}
