# One shard, without cluster mode: all keys of a batch must be on one server (docs/architecture.md, "Limits known today").

resource "google_memorystore_instance" "this" {
  instance_id                 = var.name
  project                     = var.project_id
  location                    = var.region
  mode                        = "CLUSTER_DISABLED"
  shard_count                 = 1
  replica_count               = var.replica_count
  node_type                   = var.node_type
  engine_version              = var.engine_version
  authorization_mode          = "IAM_AUTH"
  transit_encryption_mode     = "SERVER_AUTHENTICATION"
  kms_key                     = var.kms_key_id
  deletion_protection_enabled = var.deletion_protection

  # Window states must never be evicted: a full cache rejects writes, and the features service waits.
  engine_configs = {
    maxmemory-policy = "noeviction"
  }

  persistence_config {
    mode = "AOF"

    aof_config {
      append_fsync = "EVERY_SEC"
    }
  }

  zone_distribution_config {
    mode = "MULTI_ZONE"
  }

  dynamic "automated_backup_config" {
    for_each = var.backup_retention_days > 0 ? [var.backup_retention_days] : []

    content {
      retention = "${automated_backup_config.value * 24 * 3600}s"

      fixed_frequency_schedule {
        start_time {
          hours = 2
        }
      }
    }
  }

  maintenance_policy {
    weekly_maintenance_window {
      day = "SUNDAY"

      start_time {
        hours = 3
      }
    }
  }

  desired_auto_created_endpoints {
    project_id = var.project_id
    network    = var.network_id
  }
}

resource "google_project_iam_member" "client" {
  for_each = var.clients

  project = var.project_id
  role    = "roles/memorystore.dbConnectionUser"
  member  = "serviceAccount:${each.value}"

  condition {
    title      = "only-${var.name}"
    expression = "resource.name == \"${google_memorystore_instance.this.id}\""
  }
}
