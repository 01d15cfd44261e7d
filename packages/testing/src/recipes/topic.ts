import type { Recipe } from "./recipe.js";
import { expectDone, expectText, insert } from "./recipe.js";

const MESSAGE = `
// A shop that no longer sells. Topic \`closed-shops\`, keyed by the shop.
message ClosedShop {
  string tenant = 1;
  string shop_id = 2;
  int64 closed_at_ms = 3;
}
`;
const ROW = `  closedShops: {
    name: "closed-shops",
    schema: "tripline.events.v1.ClosedShop",
    key: "shop",
    partitions: 1,
    retentionDays: 90,
    writtenBy: "control",
    readBy: ["archive", "console"],
    purpose: "Shops that no longer sell",
  },
`;
const TABLE = `  closedShops: tableOf({
    topic: TOPICS.closedShops,
    message: ClosedShop,
    eventTimeMs: ({ closedAtMs }) => closedAtMs,
    columns: columnsOf<ClosedShop>({ tenant: text, shopId: text, closedAtMs: long }),
  }),
`;

/** A topic to which the control plane writes, and which the archive service stores in the lake. */
export const TOPIC: Recipe = {
  section: "Add a topic",
  edits: {
    "packages/contracts/proto/tripline/events/v1/events.proto": (text) => text + MESSAGE,
    "packages/contracts/src/topics.ts": (text) => insert(text, "const mainTopics = {\n", ROW),
    "packages/contracts/src/data-classes.ts": (text) =>
      insert(
        insert(text, "  AuthEvent,\n", "  ClosedShop,\n"),
        "  } satisfies Classes<Rollout>,\n",
        "  ClosedShop: { tenant: none, shopId: none, closedAtMs: none } satisfies Classes<ClosedShop>,\n",
      ),
    "packages/lake/src/lake-tables.ts": (text) =>
      insert(
        insert(text, "  AppliedPaymentUpdate,\n", "  ClosedShop,\n"),
        'export const LAKE_TABLES: Readonly<Record<TopicName | "erasures", LakeTable>> = {\n',
        TABLE,
      ),
  },
  check(copy) {
    expectText(copy, "docs/architecture.md", "`closed-shops`");
    expectText(copy, "infra/access.yaml", "closed-shops.dlq:");
    expectText(copy, "deploy/helm/tripline/files/topics.yaml", "- name: closed-shops.dlq");
    expectDone(copy, ["apps/cli/dist/main.js", "lake", "--help"]);
  },
};
