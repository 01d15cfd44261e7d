output "name" {
  description = "Name of the cluster."
  value       = azurerm_kubernetes_cluster.this.name
}

output "id" {
  description = "Id of the cluster."
  value       = azurerm_kubernetes_cluster.this.id
}

output "oidc_issuer_url" {
  description = "Issuer of the service accounts' tokens."
  value       = azurerm_kubernetes_cluster.this.oidc_issuer_url
}
