import type { Recipe } from "./recipe.js";
import { expectPolicy, expectSameFeatures, expectText, insert } from "./recipe.js";

const FEATURES = "packages/contracts/feature-spec.yaml";
const WORDS = "packages/decision-engine/src/feature-words.ts";

/** `minute_of_hour`, which describes the payment itself. */
export const FEATURE_KIND: Recipe = {
  section: "Add a feature kind",
  edits: {
    "packages/contracts/src/feature-spec.ts": (text) =>
      text.replace('"hour_of_day", "day_of_week"', '"hour_of_day", "minute_of_hour", "day_of_week"'),
    "packages/feature-engine/src/feature-formulas.ts": (text) =>
      `${text}\nexport function minuteOfHour(atMs: number): number {\n  return Math.floor((atMs % HOUR_MS) / 60_000);\n}\n`,
    "packages/feature-engine/src/apply/compile-feature.ts": (text) =>
      insert(
        insert(text, "  meanOf,\n", "  minuteOfHour,\n"),
        "      return (view) => hourOfDay(view.atMs);\n",
        '    case "minute_of_hour":\n      return (view) => minuteOfHour(view.atMs);\n',
      ),
    "packages/feature-engine/src/testing/brute-force.ts": (text) =>
      insert(
        text,
        "      return date.getUTCHours();\n",
        '    case "minute_of_hour":\n      return date.getUTCMinutes();\n',
      ),
    [WORDS]: (text) =>
      insert(
        insert(text, '  hour_of_day: "clock",\n', '  minute_of_hour: "count",\n'),
        '  hour_of_day: "time of day",\n',
        '  minute_of_hour: "time of day",\n',
      ),
    "training/feature_repo/feature_spec.py": (text) =>
      text.replace('("hour_of_day", ', '("hour_of_day", "minute_of_hour", '),
    "training/tripline_training/data_checks/feature_kinds.py": (text) =>
      insert(
        text,
        '    "hour_of_day": ValueRange(0, 23, whole=True),\n',
        '    "minute_of_hour": ValueRange(0, 59, whole=True),\n',
      ).replace('{"hour_of_day", ', '{"hour_of_day", "minute_of_hour", '),
    "docs/features.md": (text) => insert(text, "| `hour_of_day`, `day_of_week`,", " `minute_of_hour`,"),
    [FEATURES]: (text) =>
      `${text.replace("hour_of_day | ", "hour_of_day | minute_of_hour | ")}
  - { name: minute, kind: minute_of_hour, default: 0, sentence: "It took place in minute {value} of the hour." }
`,
  },
  check(copy) {
    expectPolicy(copy, "minute == 59.0", "{ fires: true, values: { minute: 59 } }");
    expectText(copy, "docs/features.md", "| `minute` | payment | minute_of_hour |");
    expectSameFeatures(copy);
  },
};
