# An identity per service, used by exactly one Kubernetes service account. The modules of Kafka and the cache grant permissions
# on topics and the cache; this module covers containers, secrets and the key of personal data. A service with secrets has its own
# vault, because a role on a vault covers all of its secrets.

locals {
  bucket_role = { read = "Storage Blob Data Reader", write = "Storage Blob Data Contributor" }

  bucket_access = merge([for service, uses in var.services : {
    for kind, access in uses.buckets : "${service}/${kind}" => { service = service, scope = var.container_ids[kind], role = local.bucket_role[access] }
  }]...)
  vaults = { for service, uses in var.services : service => uses if length(uses.secrets) > 0 }
}

resource "azurerm_user_assigned_identity" "service" {
  for_each = var.services

  name                = "${var.name}-${each.key}"
  resource_group_name = var.resource_group_name
  location            = var.location
}

resource "azurerm_federated_identity_credential" "service" {
  for_each = var.services

  name                      = "kubernetes"
  user_assigned_identity_id = azurerm_user_assigned_identity.service[each.key].id
  issuer                    = var.oidc_issuer_url
  subject                   = "system:serviceaccount:${var.namespace}:tripline-${each.key}"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_role_assignment" "bucket" {
  for_each = local.bucket_access

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.service[each.value.service].principal_id
  principal_type       = "ServicePrincipal"
}

# The operator fills in the secrets (infra/README.md, "Secrets"), so the state never contains one.
resource "azurerm_key_vault" "service" {
  for_each = local.vaults

  name                          = "tl-${each.key}-${var.vault_suffix}"
  resource_group_name           = var.resource_group_name
  location                      = var.location
  tenant_id                     = var.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = false

  network_acls {
    default_action = "Deny"
    bypass         = "None"
  }
}

resource "azurerm_private_endpoint" "vault" {
  for_each = local.vaults

  name                = "${var.name}-${each.key}-vault"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.endpoint_subnet_id

  private_service_connection {
    name                           = "vault"
    private_connection_resource_id = azurerm_key_vault.service[each.key].id
    subresource_names              = ["vault"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "vault"
    private_dns_zone_ids = [var.private_zone_id]
  }
}

resource "azurerm_role_assignment" "secrets" {
  for_each = local.vaults

  scope                = azurerm_key_vault.service[each.key].id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.service[each.key].principal_id
  principal_type       = "ServicePrincipal"
}

# No built-in Azure role can wrap keys but not unwrap them.
resource "azurerm_role_definition" "wraps" {
  name        = "${var.name} wraps keys of personal data"
  scope       = split("/providers/", var.personal_key_scope_id)[0]
  description = "Wraps with a key and cannot unwrap."

  permissions {
    data_actions = ["Microsoft.KeyVault/vaults/keys/wrap/action"]
  }
}

# Ingestion can wrap keys of personal data but not unwrap them; control can do both.
resource "azurerm_role_assignment" "wraps" {
  for_each = { for service, uses in var.services : service => uses if uses.master_key == "encrypt" }

  scope              = var.personal_key_scope_id
  role_definition_id = azurerm_role_definition.wraps.role_definition_resource_id
  principal_id       = azurerm_user_assigned_identity.service[each.key].principal_id
  principal_type     = "ServicePrincipal"
}

resource "azurerm_role_assignment" "unwraps" {
  for_each = { for service, uses in var.services : service => uses if uses.master_key == "decrypt" }

  scope                = var.personal_key_scope_id
  role_definition_name = "Key Vault Crypto Service Encryption User"
  principal_id         = azurerm_user_assigned_identity.service[each.key].principal_id
  principal_type       = "ServicePrincipal"
}
