import type { ControlClient } from "@tripline/system/client/control-client";
import { z } from "zod";

const PAGE = 1_000;

const entry = z.object({
  list: z.string(),
  effect: z.string(),
  kind: z.string(),
  value: z.string(),
  reason: z.string(),
  author: z.string(),
  created_at: z.string(),
  expires_at: z.string().nullable(),
});
export type ShownEntry = z.infer<typeof entry>;

const page = z.object({ entries: z.array(entry), next: z.string().nullable() });

/** The entries to read; by default, all entries. */
export interface Wanted {
  readonly list?: string;
  readonly kind?: string;
  readonly value?: string;
  readonly author?: string;
}

/** Entries ordered by list, kind and value, page by page. */
export async function* readEntries(client: ControlClient, wanted: Wanted, limit: number): AsyncGenerator<ShownEntry> {
  const { list, kind, value, author } = wanted;
  let left = limit;
  for (let after: string | null | undefined; after !== null && left > 0; ) {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, left)) });
    for (const [name, text] of Object.entries({ list, kind, value, author, after })) {
      if (text !== undefined) query.set(name, text);
    }
    const { entries, next } = page.parse(await client.call("GET", "/v1/lists/entries", { query }));
    yield* entries;
    left -= entries.length;
    after = next;
  }
}
