import type { GraphNode } from "#contract/cases";
import { placeNodes } from "./place-nodes.js";

const node = (value: string, payments: number, frauds = 0): GraphNode => ({
  id: `card:${value}`,
  kind: "card",
  value,
  payments,
  frauds,
  isSubject: value === "subject",
});
const edge = (from: string, to: string) => ({ from: `card:${from}`, to: `card:${to}`, payments: 1 });

describe("placing the graph", () => {
  test("places distant nodes farther right, and nodes with frauds at the top", () => {
    const nodes = [node("subject", 5), node("many", 9), node("bad", 1, 1), node("far", 1)];
    const edges = [edge("subject", "many"), edge("bad", "subject"), edge("far", "many")];
    const placed = placeNodes({ nodes, edges, isCut: false });
    const at = Object.fromEntries(placed.map(({ node: { value }, x, y }) => [value, { x, y }]));
    expect(at.subject?.x).toBe(0);
    expect(at.many?.x).toBe(at.bad?.x);
    expect(at.far?.x).toBe(2 * (at.many?.x ?? 0));
    expect(at.bad?.y).toBeLessThan(at.many?.y ?? 0);
  });

  test("puts at most eight nodes in a column, frauds first, and an unconnected node last", () => {
    const many = Array.from({ length: 30 }, (_, index) => node(`n${index}`, index, index === 0 ? 1 : 0));
    const edges = many.map(({ value }) => edge("subject", value));
    const placed = placeNodes({ nodes: [node("subject", 1), ...many, node("alone", 1)], edges, isCut: true });
    expect(placed).toHaveLength(1 + 8 + 1);
    expect(placed.map(({ node: { value } }) => value)).toContain("n0");
    expect(placed.at(-1)?.node.value).toBe("alone");
  });
});
