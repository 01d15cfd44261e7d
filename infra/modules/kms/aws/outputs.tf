output "key_arns" {
  description = "Key of each kind of data: cache, cluster, database, files, kafka, logs, objects, personal, registry, secrets, volumes."
  value       = { for purpose, key in aws_kms_key.this : purpose => key.arn }
}
