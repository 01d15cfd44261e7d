import { csvLine } from "./export.js";

test("regression #24: a reason that looks like a formula is exported as text for spreadsheets", () => {
  const entry = {
    list: "deny",
    effect: "deny",
    kind: "card" as const,
    value: "ct_1",
    reason: '=HYPERLINK("https://evil.example","x")',
    author: "@ada",
    created_at: "2026-11-01T00:00:00Z",
    expires_at: null,
  };
  expect(csvLine(entry as Parameters<typeof csvLine>[0])).toBe(
    `deny,deny,card,ct_1,"'=HYPERLINK(""https://evil.example"",""x"")",'@ada,2026-11-01T00:00:00Z,`,
  );
});
