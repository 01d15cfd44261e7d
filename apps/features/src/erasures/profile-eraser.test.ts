import { cardOf, START_MS, TENANT } from "../testing/events.js";
import { feastOf, FEAST_PROJECT as PROJECT } from "../testing/feast-rows.js";
import { engine, useRedis } from "../testing/instance.js";
import { ProfileEraser } from "./profile-eraser.js";

const DAY_MS = 86_400_000;
const { connect } = useRedis();

const card = (index: number) => ({ card_token: cardOf(index) });

test("removes an erased card's rows in Feast and pushed profiles, and a later materialisation does not restore them", async () => {
  const redis = await connect();
  const feast = feastOf(redis);
  for (const index of [1, 2]) {
    await feast.write("card_profile", cardOf(index), START_MS);
    await feast.write("card_windows", cardOf(index), START_MS);
    await feast.write("card_country_windows", `${cardOf(index)}/BE`, START_MS);
    await redis.set(`profile:card_profile:${TENANT}:${cardOf(index)}`, "pushed");
  }
  const eraser = new ProfileEraser(redis, { engine, source: { tenant: TENANT, project: PROJECT } });
  await eraser.erase(TENANT, cardOf(1), START_MS);
  // Rows computed from the lake, for times before and after the erasure.
  for (const atMs of [START_MS, START_MS + DAY_MS]) await feast.write("card_profile", cardOf(1), atMs);
  await feast.write("card_windows", cardOf(1), START_MS);
  await feast.write("card_country_windows", `${cardOf(1)}/BE`, START_MS);
  const found = async (index: number) => [
    await feast.has("card_profile:card_first_paid_ms", card(index)),
    await feast.has("card_windows:card_count_1d", card(index)),
    await feast.has("card_country_windows:card_country_count_1d", {
      card_token_merchant_country: `${cardOf(index)}/BE`,
    }),
    (await redis.exists(`profile:card_profile:${TENANT}:${cardOf(index)}`)) === 1,
  ];
  expect(await found(1)).toEqual([false, false, false, false]);
  expect(await found(2)).toEqual([true, true, true, true]);
  // The windows belong to a new person.
  await feast.write("card_windows", cardOf(1), START_MS + 1_000);
  expect(await feast.has("card_windows:card_count_1d", card(1))).toBe(true);
});

test("an erasure does not affect another tenant's rows in Feast", async () => {
  const redis = await connect();
  const feast = feastOf(redis);
  await feast.write("card_profile", cardOf(1), START_MS);
  for (const source of [{ tenant: TENANT, project: PROJECT }, undefined]) {
    const eraser = new ProfileEraser(redis, { engine, ...(source === undefined ? {} : { source }) });
    await eraser.erase(source === undefined ? TENANT : "other", cardOf(1), START_MS);
  }
  expect(await feast.has("card_profile:card_first_paid_ms", card(1))).toBe(true);
});
