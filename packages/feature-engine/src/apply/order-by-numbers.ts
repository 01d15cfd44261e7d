/** The sequence number of an event in one entity. */
export interface Place {
  readonly key: string;
  readonly number: number;
}

/**
 * Orders events so that each entity's numbers ascend, and otherwise keeps their order. Events with contradictory
 * numbers are placed at the end, in their original order.
 */
export function orderByNumbers<T>(events: readonly T[], placesOf: (event: T) => readonly Place[]): readonly T[] {
  if (events.length < 2) return events;
  const byKey = new Map<string, { index: number; number: number }[]>();
  for (const [index, event] of events.entries()) {
    for (const { key, number } of placesOf(event)) {
      const places = byKey.get(key);
      if (places === undefined) byKey.set(key, [{ index, number }]);
      else places.push({ index, number });
    }
  }
  const followers = events.map((): number[] => []);
  const waitsFor = events.map(() => 0);
  for (const places of byKey.values()) {
    places.sort((a, b) => a.number - b.number);
    for (const [at, { index }] of places.slice(1).entries()) {
      followers[places[at]?.index ?? index]?.push(index);
      waitsFor[index] = (waitsFor[index] ?? 0) + 1;
    }
  }
  return sorted(events, followers, waitsFor);
}

/** Kahn's algorithm, in rounds: each takes the events that do not wait for another, in their original order. */
function sorted<T>(events: readonly T[], followers: readonly number[][], waitsFor: number[]): T[] {
  const ordered: T[] = [];
  let left = [...events.keys()];
  while (left.length > 0) {
    const free = left.filter((index) => waitsFor[index] === 0);
    if (free.length === 0) break;
    left = left.filter((index) => waitsFor[index] !== 0);
    for (const index of free) {
      ordered.push(...events.slice(index, index + 1));
      for (const follower of followers[index] ?? []) waitsFor[follower] = (waitsFor[follower] ?? 1) - 1;
    }
  }
  return [...ordered, ...left.flatMap((index) => events.slice(index, index + 1))];
}
