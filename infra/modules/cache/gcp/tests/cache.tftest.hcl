mock_provider "google" {}

variables {
  name                  = "tripline-test"
  project_id            = "tripline-test"
  region                = "europe-west3"
  engine_version        = "VALKEY_8_0"
  node_type             = "STANDARD_SMALL"
  replica_count         = 1
  backup_retention_days = 3
  network_id            = "projects/tripline-test/global/networks/tripline"
  kms_key_id            = "projects/p/locations/l/keyRings/r/cryptoKeys/cache"
  deletion_protection   = true
  clients               = { features = "features@tripline-test.iam.gserviceaccount.com" }
}

run "forgets_nothing" {
  assert {
    condition     = google_memorystore_instance.this.engine_configs["maxmemory-policy"] == "noeviction" && google_memorystore_instance.this.persistence_config[0].mode == "AOF"
    error_message = "Window state must never be evicted, and must survive a restart."
  }

  assert {
    condition     = google_memorystore_instance.this.mode == "CLUSTER_DISABLED" && google_memorystore_instance.this.shard_count == 1
    error_message = "A batch's keys must be on one server."
  }
}

run "speaks_tls_to_named_clients" {
  assert {
    condition     = google_memorystore_instance.this.transit_encryption_mode == "SERVER_AUTHENTICATION" && google_memorystore_instance.this.authorization_mode == "IAM_AUTH"
    error_message = "TLS, and tokens instead of passwords."
  }

  assert {
    condition     = join(" ", [for member in google_project_iam_member.client : member.member]) == "serviceAccount:features@tripline-test.iam.gserviceaccount.com"
    error_message = "Only the listed clients may connect."
  }
}

run "unknown_size_is_refused" {
  command = plan

  variables {
    node_type = "STANDARD_HUGE"
  }

  expect_failures = [var.node_type]
}
