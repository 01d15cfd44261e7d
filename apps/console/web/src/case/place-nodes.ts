import type { CaseGraph, GraphNode } from "#contract/cases";

const COLUMN_PX = 200;
const ROW_PX = 44;
/** More nodes would be unreadable; the table shows all of them. */
const COLUMN_NODES_MAX = 8;

export interface PlacedNode {
  readonly node: GraphNode;
  readonly x: number;
  readonly y: number;
}

/**
 * Places the case's card on the left, and the other nodes in columns by their distance from it. Each column is sorted
 * by frauds, then by payments. The layout is deterministic.
 */
export function placeNodes({ nodes, edges }: CaseGraph): PlacedNode[] {
  const distances = distancesFrom(nodes.find(({ isSubject }) => isSubject)?.id ?? nodes[0]?.id ?? "", edges);
  const farthest = Math.max(0, ...distances.values());
  const columns = new Map<number, GraphNode[]>();
  for (const node of nodes) {
    const column = distances.get(node.id) ?? farthest + 1;
    columns.set(column, [...(columns.get(column) ?? []), node]);
  }
  const shown = [...columns].map(([column, members]) => [column, mostTelling(members)] as const);
  const tallest = Math.max(...shown.map(([, members]) => members.length));
  return shown.flatMap(([column, members]) =>
    members.map((node, row) => ({ node, x: column * COLUMN_PX, y: (row + (tallest - members.length) / 2) * ROW_PX })),
  );
}

function mostTelling(nodes: readonly GraphNode[]): readonly GraphNode[] {
  return nodes.toSorted((a, b) => b.frauds - a.frauds || b.payments - a.payments).slice(0, COLUMN_NODES_MAX);
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
