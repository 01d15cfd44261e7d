import { useEffect, useRef, useState } from "react";
import type { DecisionRow, LiveDecisions, LiveSecond } from "#contract/decisions";
import { request } from "../api/request.js";

const SECONDS_KEPT = 120;
const DECISIONS_KEPT = 200;
const RECONNECT_MS = 3_000;

export interface LiveState {
  readonly seconds: readonly LiveSecond[];
  readonly decisions: readonly DecisionRow[];
  readonly connection: "connecting" | "connected" | "cut";
}

const NOTHING: LiveState = { seconds: [], decisions: [], connection: "connecting" };

/** The last two minutes of the stream. Pausing stops the list of decisions but not the figures. */
export function useLive(isPaused: boolean): LiveState {
  const [state, setState] = useState(NOTHING);
  const paused = useRef(isPaused);
  useEffect(() => {
    paused.current = isPaused;
  });
  useEffect(() => {
    const change = (next: (before: LiveState) => Partial<LiveState>): void =>
      setState((before) => ({ ...before, ...next(before) }));
    return follow({
      onConnection: (connection) => change(() => ({ connection })),
      onSecond: (second) => change(({ seconds }) => ({ seconds: [...seconds, second].slice(-SECONDS_KEPT) })),
      onDecisions: (newest) => {
        if (!paused.current) change(({ decisions }) => ({ decisions: newestFirst(newest, decisions) }));
      },
    });
  }, []);
  return state;
}

/** Payments that are repeated after a reconnect are shown once. */
function newestFirst(newest: LiveDecisions, known: readonly DecisionRow[]): DecisionRow[] {
  const ids = new Set(newest.map(({ transactionId }) => transactionId));
  return [...newest, ...known.filter(({ transactionId }) => !ids.has(transactionId))].slice(0, DECISIONS_KEPT);
}

interface Listener {
  readonly onConnection: (connection: LiveState["connection"]) => void;
  readonly onSecond: (second: LiveSecond) => void;
  readonly onDecisions: (decisions: LiveDecisions) => void;
}

/** @returns a function that ends the stream */
function follow({ onConnection, onSecond, onDecisions }: Listener): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const connect = (): void => {
    source = new EventSource("/api/live");
    source.addEventListener("open", () => onConnection("connected"));
    source.addEventListener("second", ({ data }) => onSecond(JSON.parse(data) as LiveSecond));
    source.addEventListener("decisions", ({ data }) => onDecisions(JSON.parse(data) as LiveDecisions));
    source.addEventListener("error", () => {
      onConnection("cut");
      if (source?.readyState !== EventSource.CLOSED) return;
      // The browser stops reconnecting after an error response. The session request then shows whether the session has
      // ended.
      void request("/api/session").catch(() => undefined);
      timer = setTimeout(connect, RECONNECT_MS);
    });
  };
  connect();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
