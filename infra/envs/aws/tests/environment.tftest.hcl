# Plans every environment with a mock provider, so no account is needed: tofu test.

mock_provider "aws" {
  # A separate run below tests the policies; here, they only need to be valid JSON.
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  # The provider validates the format of ARNs.
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:000000000000:key/00000000-0000-0000-0000-000000000000" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/one" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::000000000000:policy/one" }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::000000000000:oidc-provider/oidc.example" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:000000000000:log-group:one" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:000000000000:one" }
  }

  mock_resource "aws_prometheus_workspace" {
    defaults = { arn = "arn:aws:aps:eu-central-1:000000000000:workspace/ws-0000" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::one" }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:one" }
  }

  mock_resource "aws_elasticache_replication_group" {
    defaults = { arn = "arn:aws:elasticache:eu-central-1:000000000000:replicationgroup:one" }
  }

  mock_resource "aws_elasticache_user" {
    defaults = { arn = "arn:aws:elasticache:eu-central-1:000000000000:user:one" }
  }

  mock_resource "aws_msk_configuration" {
    defaults = { arn = "arn:aws:kafka:eu-central-1:000000000000:configuration/one/0000-1" }
  }

  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }

  mock_resource "aws_efs_file_system" {
    defaults = { arn = "arn:aws:elasticfilesystem:eu-central-1:000000000000:file-system/fs-0000" }
  }

  mock_resource "aws_eks_cluster" {
    defaults = {
      arn      = "arn:aws:eks:eu-central-1:000000000000:cluster/tripline"
      identity = [{ oidc = [{ issuer = "https://oidc.eks.eu-central-1.amazonaws.com/id/0000" }] }]
    }
  }

  mock_resource "aws_msk_cluster" {
    defaults = {
      arn                        = "arn:aws:kafka:eu-central-1:000000000000:cluster/tripline-prod/0000-1"
      bootstrap_brokers_sasl_iam = "b-1.example:9098"
    }
  }

  mock_resource "aws_db_instance" {
    defaults = {
      resource_id        = "db-0000"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:rds", kms_key_id = "", secret_status = "active" }]
    }
  }

  mock_resource "aws_ecr_repository" {
    defaults = { repository_url = "000000000000.dkr.ecr.eu-central-1.amazonaws.com/tripline-prod/archive" }
  }
}

variables {
  account_id   = "000000000000"
  region       = "eu-central-1"
  alert_emails = ["alerts@example.com"]
}

run "environment" {
  assert {
    condition     = join(" ", keys(output.helm_values.serviceAccounts)) == "archive auth console control decisions features iceberg ingestion scoring snapshots training"
    error_message = "Every service needs its own identity."
  }

  assert {
    condition     = output.helm_values.nodePools["training"].dedicated && output.helm_values.nodePools["serving"].dedicated
    error_message = "Training and serving need separate node pools."
  }

  assert {
    condition     = output.helm_values.jobs.worker.days < var.objectstore.lake_tiering_days.deep_archive
    error_message = "Training must not read files that need restoring first."
  }

  assert {
    condition     = startswith(output.helm_values.redis.url, "rediss://") && output.helm_values.kafka.tls
    error_message = "Kafka and the cache must use TLS."
  }

  assert {
    condition     = output.helm_values.postgres.user == "auth" && output.helm_values.postgres.controlUser == "control"
    error_message = "The database user must be the one that auth's role may connect as, in modules/identity/aws."
  }

  assert {
    condition     = output.helm_values.lake.storageClass == output.kubernetes_objects.items[0].metadata.name && output.helm_values.registry.storageClass == output.helm_values.lake.storageClass
    error_message = "The chart's volumes need the StorageClass created here."
  }

  assert {
    condition     = contains([for object in output.kubernetes_objects.items : object.metadata.name if object.kind == "Namespace"], output.helm_values.namespace)
    error_message = "The services' namespace must exist before its contents."
  }

  assert {
    condition     = var.environment == "dev" || output.kubernetes_objects.items[0].reclaimPolicy == "Retain"
    error_message = "In staging and prod, the lake must outlive its claim."
  }

  assert {
    condition     = length(setsubtract(["archive", "auth", "cli", "console", "control", "decisions", "features", "ingestion", "scoring", "training"], var.images)) == 0
    error_message = "Every image in the chart needs a repository."
  }

  assert {
    condition     = join(",", keys(output.helm_values.secretStore.names["ingestion"])) == "card-token-key"
    error_message = "Ingestion must read the card token key and no other secret."
  }

  assert {
    condition     = var.environment == "dev" || (var.protected && var.database.multi_az && var.cache.replica_count > 0)
    error_message = "Staging and prod must survive the loss of a zone and refuse deletion."
  }
}

run "wrong_environment_is_refused" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.environment]
}

run "wrong_account_is_refused" {
  command = plan

  variables {
    account_id = "my-account"
  }

  expect_failures = [var.account_id]
}
