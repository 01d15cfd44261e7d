import { Module } from "@nestjs/common";

/** Scoring speaks gRPC; over HTTP there is only what every service has. */
@Module({})
export class ScoringModule {}
