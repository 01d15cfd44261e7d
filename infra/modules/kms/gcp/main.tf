# One key per kind of data, rotated every 90 days. Google's services use a key as their own service agent, so each
# agent gets access only to its key. `personal` wraps keys that our services create (modules/identity/gcp).

data "google_storage_project_service_account" "this" {
  project = var.project_id
}

data "google_logging_project_cmek_settings" "this" {
  project = var.project_id
}

locals {
  agent = { for service in ["artifactregistry", "cloud-filer", "cloud-sql", "managedkafka", "memorystore", "secretmanager"] :
    service => "service-${var.project_number}@gcp-sa-${service}.iam.gserviceaccount.com"
  }
  users = {
    cache    = local.agent["memorystore"]
    cluster  = "service-${var.project_number}@container-engine-robot.iam.gserviceaccount.com"
    database = local.agent["cloud-sql"]
    files    = local.agent["cloud-filer"]
    kafka    = local.agent["managedkafka"]
    logs     = data.google_logging_project_cmek_settings.this.service_account_id
    objects  = data.google_storage_project_service_account.this.email_address
    registry = local.agent["artifactregistry"]
    secrets  = local.agent["secretmanager"]
    volumes  = "service-${var.project_number}@compute-system.iam.gserviceaccount.com"
  }
}

resource "google_kms_key_ring" "this" {
  name     = var.name
  project  = var.project_id
  location = var.region
}

resource "google_kms_crypto_key" "this" {
  for_each = setunion(keys(local.users), ["personal"])

  name                       = each.key
  key_ring                   = google_kms_key_ring.this.id
  rotation_period            = "7776000s" # 90 days
  destroy_scheduled_duration = "2592000s" # 30 days

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = local.users

  crypto_key_id = google_kms_crypto_key.this[each.key].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${each.value}"
}
