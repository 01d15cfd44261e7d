import { useState } from "react";
import type { Changed } from "../api/auth.js";
import { text } from "../texts/en/admin.js";
import { text as app } from "../texts/en/app.js";
import { Button } from "../ui/button.js";

interface SecretProps {
  readonly of: Changed;
  readonly onClose: () => void;
}

/** Result of a change: a password or secret that is shown once, and whether all services have received the change. */
export function Result({ of, onClose }: SecretProps) {
  const secret = of.password ?? of.client_secret;
  return (
    <div className="stack">
      {secret !== undefined && <Secret value={secret} isPassword={of.password !== undefined} />}
      <p role="status">{statusOf(of)}</p>
      <div className="actions end">
        <Button look="primary" onClick={onClose}>
          {app.close}
        </Button>
      </div>
    </div>
  );
}

function statusOf({ grant, is_published: isPublished }: Changed): string {
  if (grant !== undefined) return text.waits;
  return isPublished === false ? text.toldLater : text.done;
}

function Secret({ value, isPassword }: { readonly value: string; readonly isPassword: boolean }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
  };
  return (
    <div className="secret">
      <p>{isPassword ? text.passwordOnce : text.secretOnce}</p>
      <output>
        <code>{value}</code>
      </output>
      {"clipboard" in navigator && <Button onClick={() => void copy()}>{isCopied ? text.copied : text.copy}</Button>}
    </div>
  );
}
