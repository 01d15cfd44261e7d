import { currencyDecimals } from "@tripline/contracts/currency";
import { dayIn } from "../budgets.js";
import type { Answer, Exploration, ExplorationLimit } from "../policy.js";
import type { ExplorationFile } from "../policy-file.js";

/** Reports a fault at a path within the section. */
type Fault = (path: readonly PropertyKey[], sentence: string) => void;

/** The file has amounts in major units, which are converted to minor units, as in payments. */
export function parseExploration(file: ExplorationFile, answer: Answer, fault: Fault): Exploration {
  const { share, key, time_zone: timeZone } = file;
  const limits: ExplorationLimit[] = [];
  file.limits.forEach(({ currency, amount_max: amount, daily_loss_max: loss }, index) => {
    const minorOf = (name: string, major: number): number => {
      const decimals = currencyDecimals(currency);
      const minor = Math.round(major * 10 ** decimals);
      if (minor / 10 ** decimals !== major || !Number.isSafeInteger(minor)) {
        fault(["limits", index, name], `must have at most ${decimals} decimals in ${currency}`);
      }
      return minor;
    };
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
