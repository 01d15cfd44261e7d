# A Google service account per service, used by exactly one Kubernetes service account. The modules of Kafka, the cache and the
# database grant permissions on them; this module covers buckets, secrets and the key of personal data.

locals {
  bucket_role = { read = "roles/storage.objectViewer", write = "roles/storage.objectUser" }

  bucket_access = merge([for service, uses in var.services : {
    for kind, access in uses.buckets : "${service}/${kind}" => { service = service, bucket = var.bucket_names[kind], role = local.bucket_role[access] }
  }]...)
  secrets = merge([for service, uses in var.services : { for secret in uses.secrets : "${service}/${secret}" => service }]...)
}

resource "google_service_account" "service" {
  for_each = var.services

  account_id   = "${var.name}-${each.key}"
  project      = var.project_id
  display_name = "${each.key} of ${var.name}"
}

resource "google_service_account_iam_member" "workload" {
  for_each = var.services

  service_account_id = google_service_account.service[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.workload_pool}[${var.namespace}/tripline-${each.key}]"
}

resource "google_storage_bucket_iam_member" "service" {
  for_each = local.bucket_access

  bucket = each.value.bucket
  role   = each.value.role
  member = google_service_account.service[each.value.service].member
}

# The operator fills in the values (infra/README.md, "Secrets"), so the state never contains one.
resource "google_secret_manager_secret" "this" {
  for_each = local.secrets

  secret_id = "${var.name}-${replace(each.key, "/", "-")}"
  project   = var.project_id

  replication {
    user_managed {
      replicas {
        location = var.region

        customer_managed_encryption {
          kms_key_name = var.secrets_kms_key_id
        }
      }
    }
  }
}

resource "google_secret_manager_secret_iam_member" "service" {
  for_each = local.secrets

  project   = var.project_id
  secret_id = google_secret_manager_secret.this[each.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.service[each.value].member
}

# Ingestion can wrap keys of personal data but not unwrap them; control can do both.
resource "google_kms_crypto_key_iam_member" "personal" {
  for_each = { for service, uses in var.services : service => uses.master_key if uses.master_key != "" }

  crypto_key_id = var.personal_kms_key_id
  role          = each.value == "decrypt" ? "roles/cloudkms.cryptoKeyEncrypterDecrypter" : "roles/cloudkms.cryptoKeyEncrypter"
  member        = google_service_account.service[each.key].member
}
