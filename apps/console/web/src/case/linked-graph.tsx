import type { Edge, Node, NodeProps } from "@xyflow/react";
import { Handle, Position, ReactFlow } from "@xyflow/react";
import { useMemo } from "react";
import type { CaseGraph, GraphNode } from "#contract/cases";
import { text } from "../texts/en/cases.js";
import { Token } from "../ui/marks.js";
import { placeNodes } from "./place-nodes.js";
import "@xyflow/react/dist/style.css";

type EntityNode = Node<{ readonly of: GraphNode }, "entity">;

const WIDEST_PX = 5;
const FIT = { padding: 0.04 };

function EntityBox({ data: { of } }: NodeProps<EntityNode>) {
  const look = `node${of.isSubject ? " subject" : ""}${of.frauds > 0 ? " bad" : ""}`;
  return (
    <div className={look}>
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <span className="quiet">{text.case.kinds[of.kind]}</span>
      <Token value={of.value} />
      {of.frauds > 0 && <span className="tag fraud">{of.frauds}</span>}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </div>
  );
}

const NODE_TYPES = { entity: EntityBox };

/** A drawing of the adjacent table, so it is hidden from screen readers and cannot be focused. */
export function LinkedGraph({ of }: { readonly of: CaseGraph }) {
  const nodes = useMemo<EntityNode[]>(
    () =>
      placeNodes(of).map(({ node, x, y }) => ({
        id: node.id,
        type: "entity",
        position: { x, y },
        data: { of: node },
        focusable: false,
      })),
    [of],
  );
  const edges = useMemo<Edge[]>(() => {
    const shown = new Set(nodes.map(({ id }) => id));
    const most = Math.max(1, ...of.edges.map(({ payments }) => payments));
    const drawn = of.edges.filter(({ from, to }) => shown.has(from) && shown.has(to));
    return drawn.map(({ from, to, payments }) => ({
      id: `${from} ${to}`,
      source: from,
      target: to,
      focusable: false,
      style: { strokeWidth: 1 + (WIDEST_PX - 1) * (payments / most) },
    }));
  }, [of, nodes]);
  return (
    <div className="graph" aria-hidden="true">
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        fitView
        fitViewOptions={FIT}
        minZoom={0.2}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        disableKeyboardA11y
        preventScrolling={false}
        zoomOnScroll={false}
        proOptions={{ hideAttribution: true }}
      />
    </div>
  );
}
