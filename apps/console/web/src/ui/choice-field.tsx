import { useId } from "react";

interface ChoiceProps {
  readonly label: string;
  readonly options: readonly (readonly [value: string, words: string])[];
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** A group of native radio buttons, whose arrow keys work reliably. The form cannot be submitted without a choice. */
export function ChoiceField({ label, options, value, onChange }: ChoiceProps) {
  const name = useId();
  return (
    <fieldset className="choices">
      <legend className="quiet">{label}</legend>
      {options.map(([option, words]) => (
        <label key={option} className="choice">
          <input type="radio" name={name} required checked={option === value} onChange={() => onChange(option)} />
          {words}
        </label>
      ))}
    </fieldset>
  );
}
