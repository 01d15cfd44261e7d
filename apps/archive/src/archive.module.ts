import { Module } from "@nestjs/common";

/** Archive has no HTTP interface of its own beyond health and metrics, which every service has. */
@Module({})
export class ArchiveModule {}
