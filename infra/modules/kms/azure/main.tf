# One key per kind of data. Each key has an identity that may wrap and unwrap only with this key; Azure's services encrypt data
# as that identity. AKS, however, encrypts Kubernetes Secrets with the key directly, as the cluster's own identity. Keys rotate after
# 90 days. `personal` wraps keys that our services create, as their own identities (modules/identity/azure).

locals {
  wrapping = toset(["cache", "database", "files", "kafka", "objects", "registry", "volumes"])
  key_operations = merge(
    { for purpose in local.wrapping : purpose => ["unwrapKey", "wrapKey"] },
    { cluster = ["decrypt", "encrypt"], personal = ["unwrapKey", "wrapKey"] },
  )
}

resource "azurerm_key_vault" "this" {
  # checkov:skip=CKV_AZURE_189: Open only to the ranges in operator_cidrs; closed if there are none.
  name                       = var.vault_name
  resource_group_name        = var.resource_group_name
  location                   = var.location
  tenant_id                  = var.tenant_id
  sku_name                   = "premium"
  rbac_authorization_enabled = true
  purge_protection_enabled   = true
  soft_delete_retention_days = 90

  # Operators create keys from their ranges; everything else uses the endpoint below.
  public_network_access_enabled = length(var.operator_cidrs) > 0

  network_acls {
    default_action = "Deny"
    bypass         = "AzureServices"
    ip_rules       = var.operator_cidrs
  }
}

resource "azurerm_private_endpoint" "vault" {
  name                = "${var.name}-vault"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.endpoint_subnet_id

  private_service_connection {
    name                           = "vault"
    private_connection_resource_id = azurerm_key_vault.this.id
    subresource_names              = ["vault"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "vault"
    private_dns_zone_ids = [var.private_zone_id]
  }
}

resource "azurerm_role_assignment" "operator" {
  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Crypto Officer"
  principal_id         = var.operator_object_id
}

resource "azurerm_key_vault_key" "this" {
  # checkov:skip=CKV_AZURE_40: Data under an expired key would be inaccessible; keys rotate after 90 days instead.
  for_each = local.key_operations

  name         = each.key
  key_vault_id = azurerm_key_vault.this.id
  key_type     = "RSA-HSM"
  key_size     = 3072
  key_opts     = each.value

  rotation_policy {
    automatic {
      time_after_creation = "P90D"
    }
  }

  depends_on = [azurerm_role_assignment.operator]
}

resource "azurerm_user_assigned_identity" "encryption" {
  for_each = local.wrapping

  name                = "${var.name}-encrypts-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
}

resource "azurerm_role_assignment" "encryption" {
  for_each = local.wrapping

  scope                = azurerm_key_vault_key.this[each.key].resource_versionless_id
  role_definition_name = "Key Vault Crypto Service Encryption User"
  principal_id         = azurerm_user_assigned_identity.encryption[each.key].principal_id
  principal_type       = "ServicePrincipal"
}
