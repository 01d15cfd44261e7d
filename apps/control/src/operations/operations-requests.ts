import { ALL_TOPICS, takesBack } from "@tripline/contracts/topics";
import { LETTERED_TOPICS } from "@tripline/kafka/dead-letters/return-letters";
import { z } from "zod";

/** Maximum number of dead letters per request. */
const LETTERS_MAX = 500;
const TEXT_CHARACTERS_MAX = 1_000;

/** Topics to which dead letters can be redriven. */
export const RETURNABLE_TOPICS = ALL_TOPICS.filter(
  (topic) => takesBack(topic) && LETTERED_TOPICS.includes(topic.name),
).map(({ name }) => name);

const place = z.strictObject({ partition: z.int().min(0), offset: z.int().min(0) });

export const lettersToReturn = z
  .strictObject({
    topic: z.enum(RETURNABLE_TOPICS, `must be one of ${RETURNABLE_TOPICS.join(", ")}`),
    code: z.string().min(1).max(64).optional().meta({ description: "All dead letters with this error code." }),
    letters: z
      .array(place)
      .min(1)
      .max(LETTERS_MAX)
      .optional()
      .meta({ description: "The dead letters with these IDs." }),
  })
  .refine(({ code, letters }) => (code === undefined) !== (letters === undefined), {
    path: ["letters"],
    message: "must have either letters or a code",
  });

const day = z.iso.date();
const text = z.string().max(TEXT_CHARACTERS_MAX);

/** Status report of the training worker. Days are UTC. */
export const trainingFacts = z.strictObject({
  model: z.string().max(64),
  drift: z
    .strictObject({ day, sentence: text })
    .nullable()
    .meta({ description: "Model drift for which no model trained on newer data has been promoted yet." }),
  judged_to: day.nullable().meta({ description: "The last day checked for drift." }),
  last_retraining: day.nullable().meta({ description: "Cut-off time of the labels used for the last retraining." }),
  next_retraining: day.nullable().meta({ description: "Scheduled time; model drift may bring it forward." }),
  challenger: z
    .strictObject({ version: z.string().max(64), why: text, stage: z.string().max(32).nullable() })
    .nullable()
    .meta({ description: "The registered challenger that is not champion yet." }),
  failure: text.nullable().meta({ description: "Why the last run failed. The worker retries." }),
});
