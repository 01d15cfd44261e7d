import { FairShares } from "./fair-shares.js";

test("a single tenant can use the entire limit", () => {
  const shares = new FairShares();
  expect(shares.hasRoom("a", 10, 10)).toBe(true);
  shares.add("a", 10);
  expect(shares.hasRoom("a", 1, 10)).toBe(false);
});

test("regression #24: above the limit, each tenant has an equal share, and the total stays below twice the limit", () => {
  const shares = new FairShares();
  shares.add("flood", 1_000);
  let letIn = 0;
  for (let tenant = 0; tenant < 50; tenant += 1) {
    for (let one = 0; one < 1_000 && shares.hasRoom(`t${tenant}`, 1, 1_000); one += 1) {
      shares.add(`t${tenant}`, 1);
      letIn += 1;
    }
    expect(shares.hasRoom("flood", 1, 1_000)).toBe(false);
  }
  expect(letIn).toBe(1_000);
  expect(shares.sum).toBe(2_000);
});

test("released places become available again", () => {
  const shares = new FairShares();
  shares.add("a", 3);
  shares.add("a", -3);
  expect([shares.sum, shares.hasRoom("b", 5, 5)]).toEqual([0, true]);
});
