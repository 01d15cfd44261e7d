import { useEffect, useState } from "react";

const TICK_MS = 30_000;

/** The current time, updated every 30 s, for ages and due times. */
export function useNow(): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
