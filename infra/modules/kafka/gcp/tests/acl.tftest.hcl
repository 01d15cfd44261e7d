mock_provider "google" {}

variables {
  name       = "tripline-test"
  project_id = "tripline-test"
  region     = "europe-west3"
  vcpu_count = 3
  memory_gib = 3
  subnet_id  = "projects/p/regions/r/subnetworks/s"
  kms_key_id = "projects/p/locations/l/keyRings/r/cryptoKeys/kafka"
  topics     = yamldecode(file("../../../access.yaml")).topics
  principals = { for service in ["ingestion", "features", "scoring", "decisions", "auth", "control", "console", "archive", "training", "snapshots"] : service => "${service}@example.com" }
  protected  = true

  lag_watchers = yamldecode(file("../../../access.yaml")).lag_watchers
}

run "only_the_table_grants" {
  assert {
    condition = join(" ", sort([for entry in google_managed_kafka_acl.topic["transactions"].acl_entries : "${entry.principal}=${entry.operation}"])) == join(" ", sort([
      "User:ingestion@example.com=WRITE", "User:ingestion@example.com=DESCRIBE",
      "User:features@example.com=READ", "User:features@example.com=DESCRIBE",
      "User:archive@example.com=READ", "User:archive@example.com=DESCRIBE",
      "User:control@example.com=WRITE", "User:control@example.com=READ", "User:control@example.com=DESCRIBE",
      "User:console@example.com=DESCRIBE", "User:snapshots@example.com=DESCRIBE",
    ]))
    error_message = "transactions: only ingestion may write payments, only features and archive may read them, and control redrives dead letters."
  }

  assert {
    condition = join(" ", sort([for entry in google_managed_kafka_acl.group["features"].acl_entries : "${entry.principal}=${entry.operation}"])) == join(" ", sort([
      "User:features@example.com=READ", "User:features@example.com=DESCRIBE",
      "User:console@example.com=DESCRIBE", "User:snapshots@example.com=DESCRIBE",
    ]))
    error_message = "Only features may join its group, and only those who watch its lag may see its offsets."
  }

  assert {
    condition     = join(" ", keys(google_project_iam_member.client)) == "archive auth console control decisions features ingestion snapshots training"
    error_message = "Scoring must not use Kafka."
  }

  assert {
    condition     = join(" ", keys(google_managed_kafka_acl.group)) == "archive console control decisions features ingestion snapshots training"
    error_message = "Every consumer group must belong to a service that reads from Kafka."
  }

  assert {
    condition     = join(" ", keys(google_managed_kafka_acl.followers)) == "archive console control decisions features ingestion snapshots"
    error_message = "Only services that read compacted topics or guard rollouts may have consumer groups that begin with their names."
  }

  assert {
    condition = join(" ", sort(distinct(flatten([
      for acl in concat(values(google_managed_kafka_acl.topic), values(google_managed_kafka_acl.group), [google_managed_kafka_acl.cluster]) : [for entry in acl.acl_entries : entry.operation]
    ])))) == "DESCRIBE IDEMPOTENT_WRITE READ WRITE"
    error_message = "The topics are created here, and no service may create, change or delete one."
  }

  assert {
    condition     = google_managed_kafka_topic.this["labels"].configs["retention.ms"] == "7776000000" && google_managed_kafka_topic.this["labels"].replication_factor == 3
    error_message = "labels must be kept for 90 days on three brokers."
  }

  assert {
    condition     = google_managed_kafka_topic.this["subject-keys"].configs["segment.ms"] == "3600000"
    error_message = "Wrapped keys must be deleted at most an hour after their day ends."
  }
}

run "too_small_is_refused" {
  command = plan

  variables {
    vcpu_count = 2
  }

  expect_failures = [var.vcpu_count]
}
