output "name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "arn" {
  description = "ARN of the cluster."
  value       = aws_eks_cluster.this.arn
}

output "node_security_group_id" {
  description = "Security group of all nodes, which is the source in every rule that admits services."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "oidc_provider_arn" {
  description = "IAM identity provider of the cluster's service accounts."
  value       = aws_iam_openid_connect_provider.cluster.arn
}

output "oidc_issuer" {
  description = "Issuer of the service accounts' tokens, without https://."
  value       = local.issuer
}

output "autoscaler_role_arn" {
  description = "Role of kube-system/cluster-autoscaler."
  value       = aws_iam_role.controller["cluster-autoscaler"].arn
}
