/** A value of the first and of the second model; absent if a model has none. */
export interface ChangedValue {
  readonly name: string;
  readonly a?: unknown;
  readonly b?: unknown;
  /** The second minus the first, for numbers. */
  readonly change?: number;
}

/** Entries that differ, nested ones as `outer.inner`, sorted by name. */
export function changed(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): ChangedValue[] {
  const [ours, theirs] = [flatten(a), flatten(b)];
  const names = [...new Set([...ours.keys(), ...theirs.keys()])].sort();
  return names.flatMap((name): ChangedValue[] => {
    const [one, two] = [ours.get(name), theirs.get(name)];
    if (JSON.stringify(one) === JSON.stringify(two)) return [];
    const change = typeof one === "number" && typeof two === "number" ? { change: two - one } : {};
    return [{ name, ...(ours.has(name) ? { a: one } : {}), ...(theirs.has(name) ? { b: two } : {}), ...change }];
  });
}

/** Flattens nested objects into one level; lists count as values. */
export function flatten(values: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) flat.set(name, value);
    else for (const [inner, more] of flatten({ ...value })) flat.set(`${name}.${inner}`, more);
  }
  return flat;
}
