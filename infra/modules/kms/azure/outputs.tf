# The outputs depend on the grants, because a service rejects a key that its identity may not use.
output "keys" {
  description = "For cache, database, files, kafka, objects, registry and volumes: the key with and without its version, and the identity that may use it."
  value = { for purpose in local.wrapping : purpose => {
    key_id             = azurerm_key_vault_key.this[purpose].id
    versionless_key_id = azurerm_key_vault_key.this[purpose].versionless_id
    identity_id        = azurerm_user_assigned_identity.encryption[purpose].id
    client_id          = azurerm_user_assigned_identity.encryption[purpose].client_id
  } }
  depends_on = [azurerm_role_assignment.encryption]
}

output "cluster_key" {
  description = "Key for Kubernetes Secrets, and its vault. It exists once the vault's private endpoint exists."
  value       = { key_id = azurerm_key_vault_key.this["cluster"].id, vault_id = azurerm_key_vault.this.id }
  depends_on  = [azurerm_private_endpoint.vault]
}

output "personal_key" {
  description = "Key for personal data: its address without a version, and the ID for role assignments. It exists once the vault's private endpoint exists."
  value = {
    url      = azurerm_key_vault_key.this["personal"].versionless_id
    scope_id = azurerm_key_vault_key.this["personal"].resource_versionless_id
  }
  depends_on = [azurerm_private_endpoint.vault]
}
