output "notification_channel_ids" {
  description = "Channels of all alerts."
  value       = [for channel in google_monitoring_notification_channel.email : channel.id]
}

output "collector_email" {
  description = "Google service account of the service account tripline-collector."
  value       = google_service_account.collector.email
}

output "metrics_url" {
  description = "Endpoint to which the collector writes metrics (OTLP, with a Google token)."
  value       = "https://telemetry.googleapis.com"
}
