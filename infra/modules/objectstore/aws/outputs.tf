output "bucket_names" {
  description = "Names of the buckets lake, models, datasets, anchors and attachments."
  value       = { for kind in local.logged : kind => aws_s3_bucket.this[kind].id }
}

output "bucket_arns" {
  description = "ARNs of the buckets lake, models, datasets, anchors and attachments."
  value       = { for kind in local.logged : kind => aws_s3_bucket.this[kind].arn }
}

output "urls" {
  description = "Buckets as URLs."
  value       = { for kind in local.logged : kind => "s3://${aws_s3_bucket.this[kind].id}" }
}
