resource "azurerm_container_registry" "this" {
  # checkov:skip=CKV_AZURE_139: Public access is only allowed from the ranges in pusher_cidrs; it is off if there are none.
  # checkov:skip=CKV_AZURE_164: Content trust was removed from the service; images are signed with their provenance instead.
  # checkov:skip=CKV_AZURE_165: One region; replicas depend on your costs and laws.
  # checkov:skip=CKV_AZURE_166: Quarantine needs a scanner that releases images; they are scanned before the push instead.
  # checkov:skip=CKV_AZURE_233: Zones are a variable: dev has one.
  name                          = var.registry_name
  resource_group_name           = var.resource_group_name
  location                      = var.location
  sku                           = "Premium"
  admin_enabled                 = false
  anonymous_pull_enabled        = false
  data_endpoint_enabled         = true
  zone_redundancy_enabled       = var.zone_redundant
  public_network_access_enabled = length(var.pusher_cidrs) > 0
  network_rule_bypass_option    = "AzureServices"
  retention_policy_in_days      = 7

  identity {
    type         = "UserAssigned"
    identity_ids = [var.key.identity_id]
  }

  encryption {
    key_vault_key_id   = var.key.versionless_key_id
    identity_client_id = var.key.client_id
  }

  network_rule_set {
    default_action = "Deny"

    ip_rule = [for cidr in var.pusher_cidrs : { action = "Allow", ip_range = cidr }]
  }
}

resource "azurerm_private_endpoint" "this" {
  name                = "${var.name}-registry"
  resource_group_name = var.resource_group_name
  location            = var.location
  subnet_id           = var.endpoint_subnet_id

  private_service_connection {
    name                           = "registry"
    private_connection_resource_id = azurerm_container_registry.this.id
    subresource_names              = ["registry"]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "registry"
    private_dns_zone_ids = [var.private_zone_id]
  }
}
