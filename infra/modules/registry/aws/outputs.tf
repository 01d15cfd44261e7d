output "url" {
  description = "Prefix of an image's name."
  value       = trimsuffix(values(aws_ecr_repository.this)[0].repository_url, "/${keys(aws_ecr_repository.this)[0]}")
}

output "repository_arns" {
  description = "ARNs of the repositories."
  value       = [for repository in aws_ecr_repository.this : repository.arn]
}
