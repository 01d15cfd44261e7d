import { dayIn } from "../budgets.js";
import type { Answer, Exploration, ExplorationLimit } from "../policy.js";
import type { ExplorationFile } from "../policy-file.js";
import { minorUnits } from "../policy-file.js";

/** Reports a fault at a path within the section. */
type Fault = (path: readonly PropertyKey[], sentence: string) => void;

export function parseExploration(file: ExplorationFile, answer: Answer, fault: Fault): Exploration {
  const { share, key, time_zone: timeZone } = file;
  const limits: ExplorationLimit[] = [];
  file.limits.forEach(({ currency, amount_max: amount, daily_loss_max: loss }, index) => {
    const minorOf = (name: string, major: number): number =>
      minorUnits(major, currency, (sentence) => fault(["limits", index, name], sentence));
    if (limits.some((other) => other.currency === currency)) {
      fault(["limits", index, "currency"], `"${currency}" already has a limit`);
    }
    if (loss < amount) fault(["limits", index, "daily_loss_max"], "must not be below amount_max");
    limits.push({
      currency,
      amountMinorMax: minorOf("amount_max", amount),
      dailyLossMinorMax: minorOf("daily_loss_max", loss),
    });
  });
  return { ...answer, share, key, dayOf: dayIn(timeZone), limits };
}
