import { useEffect, useState } from "react";
import { text } from "../texts/en/app.js";
import { Button } from "./button.js";

const SAID_MS = 2_000;

interface CopyButtonProps {
  readonly value: string;
  /** What is copied, for screen readers. */
  readonly of?: string;
}

/** Copies a value. Browsers allow this only over HTTPS or on localhost; otherwise the button is hidden. */
export function CopyButton({ value, of }: CopyButtonProps) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setCopied(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  if (navigator.clipboard === undefined) return null;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
  };
  return (
    <Button
      look="quiet"
      className="copy"
      aria-label={of === undefined || isCopied ? undefined : text.copyOf(of)}
      onClick={() => void copy().catch(() => setCopied(false))}
    >
      <span role="status">{isCopied ? text.copied : text.copy}</span>
    </Button>
  );
}
