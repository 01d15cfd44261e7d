output "name" {
  description = "Name of the cluster."
  value       = azurerm_kubernetes_cluster.this.name
}

output "id" {
  description = "ID of the cluster."
  value       = azurerm_kubernetes_cluster.this.id
}

output "principal_id" {
  description = "Principal ID of the cluster's identity, with which its drivers create volumes."
  value       = azurerm_user_assigned_identity.cluster.principal_id
}

output "oidc_issuer_url" {
  description = "Issuer of the service accounts' tokens."
  value       = azurerm_kubernetes_cluster.this.oidc_issuer_url
}
