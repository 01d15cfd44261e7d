# The bucket that holds an environment's state, and the APIs that the environment needs. Run once per project, with local
# state, by a person: tofu init && tofu apply -var project_id=… -var region=…
# Its own small state may be lost: `tofu import` recovers everything.

resource "google_project_service" "this" {
  for_each = toset([
    "artifactregistry", "billingbudgets", "cloudkms", "cloudresourcemanager", "compute", "container", "file", "iam",
    "iamcredentials", "logging", "managedkafka", "memorystore", "monitoring", "networkconnectivity", "secretmanager",
    "servicenetworking", "sqladmin", "storage", "sts", "telemetry",
  ])

  project            = var.project_id
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

data "google_storage_project_service_account" "this" {
  project = var.project_id
}

resource "google_kms_key_ring" "state" {
  name     = "tripline-state"
  project  = var.project_id
  location = var.region

  depends_on = [google_project_service.this]
}

resource "google_kms_crypto_key" "state" {
  name            = "state"
  key_ring        = google_kms_key_ring.state.id
  rotation_period = "7776000s" # 90 days

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_crypto_key_iam_member" "state" {
  crypto_key_id = google_kms_crypto_key.state.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_storage_project_service_account.this.member
}

resource "google_storage_bucket" "state" {
  # checkov:skip=CKV_GCP_62: Reads and writes are in Cloud Audit Logs (data access), which replace bucket usage logs.
  name                        = "tripline-state-${var.project_id}"
  project                     = var.project_id
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  encryption {
    default_kms_key_name = google_kms_crypto_key.state.id
  }

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = 180
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle {
    prevent_destroy = true
  }

  depends_on = [google_kms_crypto_key_iam_member.state]
}
