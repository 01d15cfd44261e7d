# One bucket per kind of data, because permissions, versioning and retention differ: the lake is written once and becomes cold,
# models are small and must be kept, data sets can be recreated, anchors prove the audit log, and attachments are case files.

locals {
  buckets = toset(["lake", "models", "datasets", "anchors", "attachments"])

  # The files described in packages/lake/src/lake-layout.ts, but not the log next to them, which is read repeatedly.
  lake_files = [for topic in var.lake_topics : "${topic}/day="]

  # Age in days, then the storage class; null deletes the object. A rule without prefixes applies to all objects.
  lifecycle_rules = {
    lake = [
      { age_days = var.lake_tiering_days.coldline, class = "COLDLINE", prefixes = local.lake_files },
      { age_days = var.lake_tiering_days.archive, class = "ARCHIVE", prefixes = local.lake_files },
    ]
    models      = []
    anchors     = []
    attachments = []
    datasets    = [{ age_days = var.dataset_retention_days, class = null, prefixes = [] }]
  }
}

resource "google_storage_bucket" "this" {
  # checkov:skip=CKV_GCP_62: Reads and writes are in Cloud Audit Logs (data access), which replace bucket usage logs.
  for_each = local.buckets

  name                        = "${var.name}-${each.key}-${var.project_id}"
  project                     = var.project_id
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.force_destroy

  encryption {
    default_kms_key_name = var.kms_key_id
  }

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = 7 * 24 * 3600
  }

  dynamic "lifecycle_rule" {
    for_each = local.lifecycle_rules[each.key]

    content {
      action {
        type          = lifecycle_rule.value.class == null ? "Delete" : "SetStorageClass"
        storage_class = lifecycle_rule.value.class
      }

      condition {
        age            = lifecycle_rule.value.age_days
        matches_prefix = lifecycle_rule.value.prefixes
        with_state     = "LIVE"
      }
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 3
    }
  }
}
