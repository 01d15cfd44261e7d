import { Inject, Injectable } from "@nestjs/common";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import type { DecisionDetail } from "../contract/decisions.js";
import type { ShowToken } from "../requests/mask-token.js";
import { Contributions } from "./contributions.js";
import { describeDecision, FeatureDescriber, readBack } from "./describe-decision.js";
import { ProjectedDecisions } from "./projected-decisions.js";

/** A decision with its complete explanation. */
@Injectable()
export class DecisionReader {
  readonly features = new FeatureDescriber(currentFeatureSpec());

  constructor(
    @Inject(ProjectedDecisions) private readonly store: ProjectedDecisions,
    @Inject(Contributions) private readonly contributions: Contributions,
  ) {}

  /** @throws TriplineError `decision-not-found` */
  async read(transactionId: string, tenant: string, show: ShowToken): Promise<DecisionDetail> {
    const row = await this.store.find(tenant, transactionId);
    const records = readBack(row);
    const contributions = await this.contributions.of(records, this.features);
    return describeDecision(row, records, this.features, contributions, show);
  }
}
