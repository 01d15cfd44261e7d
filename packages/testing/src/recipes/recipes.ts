import { FEATURE_KIND } from "./feature-kind.js";
import type { Recipe } from "./recipe.js";
import { expectDone, expectPolicy, expectSameFeatures, expectText, insert } from "./recipe.js";
import { SCREEN } from "./screen.js";
import { TOPIC } from "./topic.js";

const PAYMENT = "packages/contracts/payment.yaml";
const FEATURES = "packages/contracts/feature-spec.yaml";
const POLICY = "apps/decisions/policy.yaml";

const FIELD = `
  - name: loyalty_tier
    path: loyalty_tier
    number: 101
    type: identifier
    class: behavioural
    description: The tier of the customer.
    example: "gold"
    uses: [rule]
`;
const LISTED_FIELD = FIELD.replaceAll("loyalty_tier", "shop_group")
  .replace("101", "102")
  .replace("uses: [rule]", "uses: [rule]\n    list: shop_group");
const FEATURE = `
  - {
      name: card_count_14d,
      entity: card,
      kind: count,
      window: 14d,
      default: 0,
      sentence: "This card made {value} {value:payment/payments} within 14 days.",
    }
`;
const RULE = `
  - id: many-at-night
    when: hour < 5 && card_count_1d >= 20.0
    reason: MANY_AT_NIGHT
    action: review
    text: "{card_count_1d} {card_count_1d:payment/payments} within a day, and it is night."
    examples:
      - { fires: true, values: { hour: 3, card_count_1d: 20 } }
      - { fires: false, values: { hour: 12, card_count_1d: 20 } }
`;

export const RECIPES: readonly Recipe[] = [
  {
    section: "Add a payment field",
    edits: { [PAYMENT]: (text) => text + FIELD },
    check(copy) {
      expectPolicy(copy, 'loyalty_tier == "gold"', '{ fires: true, values: { loyalty_tier: "gold" } }');
      expectText(copy, "docs/payment.md", "| `loyalty_tier` |");
      expectText(copy, "packages/client/src/generated/api.ts", "loyalty_tier?: string;");
    },
  },
  {
    section: "Add a list kind",
    edits: {
      [PAYMENT]: (text) => `${insert(text, "list_kinds:\n", "  shop_group: { value: a shop group }\n")}${LISTED_FIELD}`,
      "apps/console/web/src/texts/en/screens.ts": (text) =>
        insert(text, '      country: "Country",\n', '      shop_group: "Shop group",\n'),
    },
    check(copy) {
      const lists = "lists: [{ kind: shop_group, effect: deny }]";
      expectPolicy(copy, "lists.deny.shop_group", `{ fires: true, values: {}, ${lists} }`);
      expectText(copy, "docs/lists.md", "| `shop_group` | a shop group | `shop_group` |");
    },
  },
  {
    section: "Add a feature",
    edits: {
      [FEATURES]: (text) =>
        text.replace(/^version: (\d+)$/m, (_, version) => `version: ${Number(version) + 1}`) + FEATURE,
    },
    check(copy) {
      expectPolicy(copy, "card_count_14d > 30.0", "{ fires: true, values: { card_count_14d: 31 } }");
      expectText(copy, "docs/features.md", "`card_count_14d`");
      expectSameFeatures(copy);
    },
  },
  FEATURE_KIND,
  {
    section: "Add a rule",
    edits: { [POLICY]: (text) => insert(text, "\nrules:\n", RULE) },
    check: (copy) => expectDone(copy, ["apps/cli/dist/main.js", "policy", "check", POLICY]),
  },
  {
    section: "Add an error code",
    edits: {
      "packages/contracts/src/error-table.ts": (text) =>
        insert(
          text,
          "export const ERROR_TABLE = {\n",
          '  "shop-closed": row(503, GRPC.unavailable, "retry", "The shop is closed", 60),\n',
        ),
    },
    check: (copy) => expectText(copy, "docs/errors.md", "| `shop-closed` | 503 |"),
  },
  TOPIC,
  {
    section: "Add a setting",
    edits: {
      "apps/features/src/config.ts": (text) =>
        insert(
          text,
          "    FEAST_PROFILES: feastProfiles,\n",
          '    NIGHT_HOURS: z.coerce.number().int().min(1).max(12).default(5).meta({ unit: "hours", description: "How long a night is." }),\n',
        ),
      "packages/system/src/service-environment/service-variables.ts": (text) =>
        insert(
          text,
          "      FEAST_PROFILES: feastProfiles,\n",
          '      NIGHT_HOURS: { compose: "6", chart: chartConstant("6") },\n',
        ),
    },
    check(copy) {
      expectText(copy, "docs/settings.md", "| `NIGHT_HOURS` | `5` | hours | How long a night is. |");
      expectText(copy, "compose.yaml", 'NIGHT_HOURS: "6"');
      expectText(copy, "deploy/helm/tripline/templates/_environment.tpl", 'NIGHT_HOURS: "6"');
    },
  },
  SCREEN,
];

/** The commands of all sections, in this order. */
export const COMMANDS: readonly (readonly [shown: string, program: string, args: readonly string[]])[] = [
  ["npx tripline generate", process.execPath, ["tools/start/run.mjs", "generate"]],
  ["npx tsc -b", "tsc", ["-b"]],
  ["npm run documents", process.execPath, ["tools/documents/write-documents.mjs"]],
];
