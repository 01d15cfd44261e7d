import type { ListedVersion } from "../api/control.js";
import { text } from "../texts/en/models.js";
import { text as operations } from "../texts/en/operations.js";

const words = text.contract;

/** How a version compares with the champion on labelled payments, and how much it would save. */
export function Compared({ of: { offline } }: { readonly of: ListedVersion }) {
  if (offline === null) return words.notCompared;
  return (
    <>
      {offline.is_as_good ? words.asGood : words.better} {offline.money ?? operations.models.noMoney}
    </>
  );
}
