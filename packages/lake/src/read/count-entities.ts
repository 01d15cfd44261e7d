import { TOPICS } from "@tripline/contracts/topics";
import { LakeScan } from "./scan-lake.js";

/**
 * The number of entities in the archived payments, accurate to a few per cent.
 *
 * @param ids for each kind of entity: the columns of `features` that form its id
 * @throws TriplineError `lake-unavailable`
 */
export async function countEntities(lake: string, ids: readonly (readonly string[])[]): Promise<number> {
  const scan = await LakeScan.open();
  try {
    const columns = Object.fromEntries(ids.flat().map((column) => [column, "VARCHAR"]));
    const table = await scan.table(lake, TOPICS.features, { tenant: "VARCHAR", ...columns });
    if (table === undefined || ids.length === 0) return 0;
    const counts = ids.map((names) => `approx_count_distinct(concat_ws('/', tenant, ${names.join(", ")}))`);
    const { entities } = await scan.row(`SELECT ${counts.join(" + ")} AS entities FROM ${table}`);
    return Number(entities);
  } finally {
    await scan.close();
  }
}
