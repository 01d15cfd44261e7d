output "service_account_annotations" {
  description = "Annotations of each service's Kubernetes service account."
  value       = { for service, role in aws_iam_role.service : service => { "eks.amazonaws.com/role-arn" = role.arn } }
}

output "secret_names" {
  description = "Secrets of each service, by name in Secrets Manager."
  value       = { for service, uses in var.services : service => { for secret in uses.secrets : secret => aws_secretsmanager_secret.this["${service}/${secret}"].name } }
}

output "deployer" {
  description = "Role that workflows assume; null without GitHub."
  value       = one(aws_iam_role.deployer[*].arn)
}

output "kubernetes_objects" {
  description = "Objects for `kubectl apply`: the namespace of the services, and the permissions of workflows in it."
  value       = concat([local.kubernetes_namespace], local.deployer_objects)
}
