output "alert_topic_arn" {
  description = "SNS topic of all alerts."
  value       = aws_sns_topic.alerts.arn
}

output "prometheus_write_url" {
  description = "Endpoint to which the collector writes metrics, signed with SigV4."
  value       = "${aws_prometheus_workspace.this.prometheus_endpoint}api/v1/remote_write"
}

output "collector_role_arn" {
  description = "Role of the service account tripline-collector."
  value       = aws_iam_role.collector.arn
}

output "log_group_name" {
  description = "Log group of the services."
  value       = aws_cloudwatch_log_group.services.name
}
