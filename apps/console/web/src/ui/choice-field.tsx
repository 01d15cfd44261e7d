import { RadioGroup } from "radix-ui";
import { useId } from "react";

interface ChoiceProps {
  readonly label: string;
  readonly options: readonly (readonly [value: string, words: string])[];
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** One of a few, all of them to be read at once. */
export function ChoiceField({ label, options, value, onChange }: ChoiceProps) {
  const id = useId();
  return (
    <div className="field">
      <span id={id} className="quiet">
        {label}
      </span>
      <RadioGroup.Root className="choices" aria-labelledby={id} value={value} onValueChange={onChange}>
        {options.map(([option, words]) => (
          <div key={option} className="choice">
            <RadioGroup.Item id={`${id}-${option}`} value={option} className="radio">
              <RadioGroup.Indicator className="dot" />
            </RadioGroup.Item>
            <label htmlFor={`${id}-${option}`}>{words}</label>
          </div>
        ))}
      </RadioGroup.Root>
    </div>
  );
}
