output "service_account_annotations" {
  description = "Annotations of each service's Kubernetes service account."
  value       = { for service, identity in azurerm_user_assigned_identity.service : service => { "azure.workload.identity/client-id" = identity.client_id } }
}

output "principal_ids" {
  description = "Principal ID of each service's identity."
  value       = { for service, identity in azurerm_user_assigned_identity.service : service => identity.principal_id }
}

output "names" {
  description = "Name of each service's identity in PostgreSQL."
  value       = { for service, identity in azurerm_user_assigned_identity.service : service => identity.name }
}

output "vault_names" {
  description = "Vault of each service that has secrets."
  value       = { for service, vault in azurerm_key_vault.service : service => vault.name }
}

output "secret_names" {
  description = "Secrets of each service, by name in its vault."
  value       = { for service, uses in var.services : service => { for secret in uses.secrets : secret => secret } }
}

output "deployer" {
  description = "Client ID with which workflows sign in; null without GitHub."
  value       = one(azurerm_user_assigned_identity.deployer[*].client_id)
}

output "kubernetes_objects" {
  description = "Objects for `kubectl apply`: the namespace of the services, and the permissions of workflows in it."
  value       = concat([local.kubernetes_namespace], local.deployer_objects)
}
