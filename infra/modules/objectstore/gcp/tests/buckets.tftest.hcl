mock_provider "google" {}

variables {
  name                   = "tripline-test"
  project_id             = "tripline-test"
  region                 = "europe-west3"
  kms_key_id             = "projects/p/locations/l/keyRings/r/cryptoKeys/objects"
  lake_topics            = ["features", "labels"]
  lake_tiering_days      = { coldline = 90, archive = 365 }
  dataset_retention_days = 30
  force_destroy          = false
}

run "tiers_and_lifetimes" {
  assert {
    condition = join(", ", [for rule in google_storage_bucket.this["lake"].lifecycle_rule :
      "${one(rule.condition).age} ${one(rule.action).storage_class}" if one(rule.action).type == "SetStorageClass"
    ]) == "90 COLDLINE, 365 ARCHIVE"
    error_message = "The lake must move to colder tiers with age."
  }

  assert {
    condition     = length([for rule in google_storage_bucket.this["models"].lifecycle_rule : rule if one(rule.action).type == "Delete" && one(rule.condition).with_state == "LIVE"]) == 0
    error_message = "No model may expire."
  }
}

run "the_log_stays_hot" {
  assert {
    condition = distinct(flatten([for rule in google_storage_bucket.this["lake"].lifecycle_rule :
      one(rule.condition).matches_prefix if one(rule.action).type == "SetStorageClass"
    ])) == tolist(["features/day=", "labels/day="])
    error_message = "Only the daily files may move to colder tiers."
  }
}

run "closed_and_encrypted" {
  assert {
    condition     = alltrue([for bucket in google_storage_bucket.this : bucket.public_access_prevention == "enforced" && bucket.uniform_bucket_level_access && bucket.encryption[0].default_kms_key_name == var.kms_key_id])
    error_message = "Every bucket must be private and encrypted with the objects key."
  }
}

run "archive_too_soon_is_refused" {
  command = plan

  variables {
    lake_tiering_days = { coldline = 90, archive = 120 }
  }

  expect_failures = [var.lake_tiering_days]
}

run "first_tier_too_soon_is_refused" {
  command = plan

  variables {
    lake_tiering_days = { coldline = 29, archive = 365 }
  }

  expect_failures = [var.lake_tiering_days]
}
