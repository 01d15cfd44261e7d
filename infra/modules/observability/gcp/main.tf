# Metrics go to Managed Prometheus and logs to a separate bucket. The OpenTelemetry collector writes both with its own
# identity. The alerts monitor what the services cannot: the stores that they use. The chart contains the alerts on the
# services' own metrics.

resource "google_logging_project_bucket_config" "services" {
  project        = var.project_id
  location       = var.region
  bucket_id      = "${var.name}-services"
  retention_days = var.log_retention_days

  cmek_settings {
    kms_key_name = var.kms_key_id
  }
}

resource "google_logging_project_sink" "services" {
  name                   = "${var.name}-services"
  project                = var.project_id
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.services.id}"
  filter                 = "resource.type=\"k8s_container\" AND resource.labels.cluster_name=\"${var.cluster_name}\" AND resource.labels.namespace_name=\"${var.namespace}\""
  unique_writer_identity = true
}

resource "google_service_account" "collector" {
  account_id   = "${var.name}-collector"
  project      = var.project_id
  display_name = "OpenTelemetry collector of ${var.name}"
}

resource "google_service_account_iam_member" "collector" {
  service_account_id = google_service_account.collector.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.workload_pool}[${var.namespace}/tripline-collector]"
}

resource "google_project_iam_member" "collector" {
  for_each = toset(["roles/cloudtrace.agent", "roles/logging.logWriter", "roles/monitoring.metricWriter"])

  project = var.project_id
  role    = each.key
  member  = google_service_account.collector.member
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alert_emails

  project      = var.project_id
  display_name = each.key
  type         = "email"
  labels       = { email_address = each.key }
}
