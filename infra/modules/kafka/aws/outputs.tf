output "bootstrap_servers" {
  description = "Brokers for clients that authenticate with IAM."
  value       = aws_msk_cluster.this.bootstrap_brokers_sasl_iam
}

output "cluster_arn" {
  description = "ARN of the cluster, from which the ARNs of topics and groups are derived."
  value       = aws_msk_cluster.this.arn
}

output "cluster_name" {
  description = "Name of the cluster in its metrics."
  value       = aws_msk_cluster.this.cluster_name
}
