output "log_analytics_workspace_id" {
  description = "Workspace for all logs."
  value       = azurerm_log_analytics_workspace.this.id
}

output "action_group_id" {
  description = "Action group of all alerts."
  value       = azurerm_monitor_action_group.alerts.id
}

output "metrics_url" {
  description = "Endpoint to which the collector writes metrics (Prometheus remote write, with an Entra token)."
  value       = "${data.azurerm_monitor_data_collection_endpoint.this.metrics_ingestion_endpoint}/dataCollectionRules/${data.azurerm_monitor_data_collection_rule.this.immutable_id}/streams/Microsoft-PrometheusMetrics/api/v1/write?api-version=2023-04-24"
}

output "collector_client_id" {
  description = "Identity of the service account tripline-collector."
  value       = azurerm_user_assigned_identity.collector.client_id
}
