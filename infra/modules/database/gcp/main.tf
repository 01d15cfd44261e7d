# There are no passwords: services and users sign in as database users, with IAM tokens.

locals {
  flags = {
    "cloudsql.iam_authentication" = "on"
    log_checkpoints               = "on"
    log_connections               = "on"
    log_disconnections            = "on"
    log_duration                  = "off"
    log_hostname                  = "off"
    log_lock_waits                = "on"
    log_min_duration_statement    = "500"
    log_min_messages              = "warning"
    log_statement                 = "ddl"
    "cloudsql.enable_pgaudit"     = "on"
  }
}

resource "google_sql_database_instance" "this" {
  # checkov:skip=CKV_GCP_6: TLS is required. Client certificates would be more keys to protect, and IAM tokens already identify the client.
  # checkov:skip=CKV_GCP_109: log_min_messages is warning, which includes errors; the check requires error, which hides warnings.
  name                = var.name
  project             = var.project_id
  region              = var.region
  database_version    = var.database_version
  encryption_key_name = var.kms_key_id
  deletion_protection = var.deletion_protection

  settings {
    tier                        = var.tier
    edition                     = var.edition
    availability_type           = var.highly_available ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.deletion_protection
    disk_type                   = "PD_SSD"
    disk_size                   = var.disk_gib
    disk_autoresize             = true
    disk_autoresize_limit       = var.disk_gib_max

    ip_configuration {
      ipv4_enabled                                  = false
      private_network                               = var.network_id
      ssl_mode                                      = "ENCRYPTED_ONLY"
      enable_private_path_for_google_cloud_services = false
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      start_time                     = "01:00"
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = var.backups_kept
        retention_unit   = "COUNT"
      }
    }

    maintenance_window {
      day          = 7
      hour         = 3
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled = true
    }

    dynamic "database_flags" {
      for_each = local.flags

      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }
  }

  # The disk grows automatically; a plan must not shrink it.
  lifecycle {
    ignore_changes = [settings[0].disk_size]
  }
}

resource "google_sql_database" "this" {
  name     = "tripline"
  project  = var.project_id
  instance = google_sql_database_instance.this.name
}

# Cloud SQL omits the suffix of a service account's address.
resource "google_sql_user" "service" {
  for_each = var.clients

  name     = trimsuffix(each.value, ".gserviceaccount.com")
  project  = var.project_id
  instance = google_sql_database_instance.this.name
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
}

resource "google_project_iam_member" "client" {
  for_each = var.clients

  project = var.project_id
  role    = "roles/cloudsql.instanceUser"
  member  = "serviceAccount:${each.value}"

  condition {
    title      = "only-${var.name}"
    expression = "resource.type == \"sqladmin.googleapis.com/Instance\" && resource.name == \"projects/${var.project_id}/instances/${google_sql_database_instance.this.name}\""
  }
}
