import { z } from "zod";

/** Text written by users. Its length is limited as sent, before trimming, as the OpenAPI document says. */
export const writtenText = (charactersMax: number) =>
  z.string().max(charactersMax, `must have at most ${charactersMax} characters`).trim();

/** A boolean parameter of a query. */
export const yesOrNo = z.enum(["true", "false"], "must be true or false").transform((text) => text === "true");

export const PAGE_MAX = 200;
const PAGE_DEFAULT = 50;

export const pageLimit = z.coerce
  .number()
  .int()
  .min(1)
  .max(PAGE_MAX, `must be at most ${PAGE_MAX}`)
  .default(PAGE_DEFAULT);

/** A cursor: the sort value and the ID of the last row. */
export function writeCursor(value: number, id: string): string {
  return `${value}~${id}`;
}

/**
 * Parses a cursor that `writeCursor` created.
 *
 * @param id the pattern of an id, without anchors, because Postgres fails on an id or a number that is invalid for its
 * column
 */
export const cursorOf = (id: string) =>
  z
    .string()
    .regex(
      new RegExp(`^-?[0-9]{1,16}(\\.[0-9]{1,24})?(e-[0-9]{1,3})?~${id}$`),
      "must be the `next` value of the previous page",
    )
    .transform((text) => {
      const [value = "", id = ""] = text.split("~");
      return { value: Number(value), id };
    });
