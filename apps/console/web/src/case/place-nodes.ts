import type { CaseGraph, GraphNode } from "#contract/cases";

const COLUMN_PX = 210;
const ROW_PX = 52;

export interface PlacedNode {
  readonly node: GraphNode;
  readonly x: number;
  readonly y: number;
}

/**
 * The case's card to the left, then in columns what is one payment away, two, and so on; each column from the one with most
 * payments down. The same graph is laid out the same way each time.
 */
export function placeNodes({ nodes, edges }: CaseGraph): PlacedNode[] {
  const distances = distancesFrom(nodes.find(({ isSubject }) => isSubject)?.id ?? nodes[0]?.id ?? "", edges);
  const farthest = Math.max(0, ...distances.values());
  const columns = new Map<number, GraphNode[]>();
  for (const node of nodes) {
    const column = distances.get(node.id) ?? farthest + 1;
    columns.set(column, [...(columns.get(column) ?? []), node]);
  }
  const tallest = Math.max(...[...columns.values()].map(({ length }) => length));
  return [...columns].flatMap(([column, members]) =>
    members
      .toSorted((a, b) => b.payments - a.payments)
      .map((node, row) => ({ node, x: column * COLUMN_PX, y: (row + (tallest - members.length) / 2) * ROW_PX })),
  );
}

function distancesFrom(start: string, edges: CaseGraph["edges"]): Map<string, number> {
  const distances = new Map([[start, 0]]);
  const waiting = [start];
  for (const id of waiting) {
    for (const { from, to } of edges) {
      const other = from === id ? to : to === id ? from : undefined;
      if (other === undefined || distances.has(other)) continue;
      distances.set(other, (distances.get(id) ?? 0) + 1);
      waiting.push(other);
    }
  }
  return distances;
}
