import { useEffect, useState } from "react";

const TICK_MS = 30_000;

/** The time, again every half minute: for ages and what is due. */
export function useNow(): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
