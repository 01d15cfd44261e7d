import { useState } from "react";
import { text } from "../texts/en/app.js";
import { Button } from "./button.js";

interface SecretProps {
  readonly value: string;
  /** Where to store it. */
  readonly note: string;
}

/** A secret or password that is shown once. */
export function Secret({ value, note }: SecretProps) {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
  };
  return (
    <div className="secret">
      <p>{note}</p>
      <output>
        <code>{value}</code>
      </output>
      {"clipboard" in navigator && <Button onClick={() => void copy()}>{isCopied ? text.copied : text.copy}</Button>}
    </div>
  );
}
