output "url" {
  description = "Address of the primary as REDIS_URL, without a user."
  value       = "rediss://${aws_elasticache_replication_group.this.primary_endpoint_address}:6379"
}

output "replication_group_arn" {
  description = "ARN of the replication group."
  value       = aws_elasticache_replication_group.this.arn
}

output "node_ids" {
  description = "IDs of the nodes in their metrics."
  value       = [for index in range(1 + var.replica_count) : "${var.name}-${format("%03d", index + 1)}"]
}

output "user_arns" {
  description = "User of each service that uses the cache."
  value       = { for service, user in aws_elasticache_user.service : service => user.arn }
}
