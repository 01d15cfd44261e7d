import { CopyButton } from "./copy-button.js";

interface SecretProps {
  readonly value: string;
  /** Where to store it. */
  readonly note: string;
}

/** A secret or password that is shown once. */
export function Secret({ value, note }: SecretProps) {
  return (
    <div className="secret">
      <p>{note}</p>
      <output>
        <code>{value}</code>
      </output>
      <CopyButton value={value} />
    </div>
  );
}
