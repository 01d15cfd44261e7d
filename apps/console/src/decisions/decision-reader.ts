import { Inject, Injectable } from "@nestjs/common";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TRANSACTION_ID_PATTERN, transactionId } from "@tripline/contracts/identifiers";
import { DATABASE } from "@tripline/nest-kit/postgres/database.module";
import type { Database } from "@tripline/stores/postgres/connect-database";
import type { DecisionDetail } from "../contract/decisions.js";
import type { PaymentDetail } from "../contract/payments.js";
import type { ShowToken } from "../requests/mask-token.js";
import { showTokens } from "../requests/mask-token.js";
import { Contributions } from "./contributions.js";
import type { ReadBack } from "./describe-decision.js";
import { describeDecision, FeatureDescriber, readBack } from "./describe-decision.js";
import { laterEventsOf, timelineOf } from "./payment-timeline.js";
import { plainRecord } from "./plain-record.js";
import type { RecordedDecision } from "./projected-decisions.js";
import { ProjectedDecisions } from "./projected-decisions.js";

/** A decision with its complete explanation. */
@Injectable()
export class DecisionReader {
  readonly features = new FeatureDescriber(currentFeatureSpec());

  constructor(
    @Inject(ProjectedDecisions) private readonly store: ProjectedDecisions,
    @Inject(Contributions) private readonly contributions: Contributions,
    @Inject(DATABASE) private readonly database: Database,
  ) {}

  /** @throws TriplineError `decision-not-found` */
  async read(id: string, tenant: string, show: ShowToken): Promise<DecisionDetail> {
    const row = await this.store.find(tenant, id);
    return this.#describe(row, readBack(row), show);
  }

  /**
   * @param id Tripline's ID or the client's ID for the payment
   * @param isClear whether tokens are shown unmasked
   * @throws TriplineError `decision-not-found`
   */
  async readPayment(id: string, tenant: string, isClear: boolean): Promise<PaymentDetail> {
    const row = await this.store.find(tenant, TRANSACTION_ID_PATTERN.test(id) ? id : transactionId(tenant, id));
    const records = readBack(row);
    const show = showTokens(isClear);
    const [detail, later] = await Promise.all([
      this.#describe(row, records, show),
      laterEventsOf(this.database, [row.transaction_id]),
    ]);
    return {
      ...detail,
      timeline: timelineOf([row], later, undefined, show),
      record: plainRecord(records, isClear),
    };
  }

  async #describe(row: RecordedDecision, records: ReadBack, show: ShowToken): Promise<DecisionDetail> {
    const contributions = await this.contributions.of(records, this.features);
    return describeDecision(row, records, this.features, contributions, show);
  }
}
