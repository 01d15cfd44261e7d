mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  # The provider validates the format of ARNs.
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::one" }
  }
}

variables {
  name                   = "tripline-test"
  account_id             = "000000000000"
  kms_key_arn            = "arn:aws:kms:eu-central-1:000000000000:key/objects"
  lake_topics            = ["features", "labels"]
  lake_tiering_days      = { glacier = 90, deep_archive = 365 }
  dataset_retention_days = 30
  force_destroy          = false
}

run "tiers_and_lifetimes" {
  assert {
    condition = join(", ", sort([for step in one([for rule in aws_s3_bucket_lifecycle_configuration.this["lake"].rule : rule if rule.id == "tier-labels-by-age"]).transition :
      "${step.days} ${step.storage_class}"
    ])) == "365 DEEP_ARCHIVE, 90 GLACIER_IR"
    error_message = "The lake must move to colder tiers with age."
  }

  assert {
    condition     = length(flatten([for kind in ["lake", "models"] : [for rule in aws_s3_bucket_lifecycle_configuration.this[kind].rule : rule.expiration]])) == 0
    error_message = "Nothing in lake and models may expire."
  }

  assert {
    condition     = flatten([for rule in aws_s3_bucket_lifecycle_configuration.this["datasets"].rule : rule.expiration])[0].days == 30
    error_message = "Data sets must expire after the set number of days."
  }
}

run "the_log_stays_hot" {
  assert {
    condition = join(", ", sort([for rule in aws_s3_bucket_lifecycle_configuration.this["lake"].rule :
      one(rule.filter).prefix if length(rule.transition) > 0
    ])) == "features/day=, labels/day="
    error_message = "Only the daily files may move to colder tiers."
  }
}

run "closed_and_encrypted" {
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.this : block.block_public_acls && block.block_public_policy && block.restrict_public_buckets])
    error_message = "No bucket may be public."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this["lake"].rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    error_message = "The lake must be encrypted with the objects key."
  }

  assert {
    condition     = alltrue([for document in data.aws_iam_policy_document.bucket : document.statement[0].effect == "Deny" && one(document.statement[0].condition).variable == "aws:SecureTransport"])
    error_message = "Every bucket must reject connections without TLS."
  }
}

run "deep_archive_too_soon_is_refused" {
  command = plan

  variables {
    lake_tiering_days = { glacier = 90, deep_archive = 120 }
  }

  expect_failures = [var.lake_tiering_days]
}

run "first_tier_too_soon_is_refused" {
  command = plan

  variables {
    lake_tiering_days = { glacier = 29, deep_archive = 365 }
  }

  expect_failures = [var.lake_tiering_days]
}
