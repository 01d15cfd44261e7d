mock_provider "azurerm" {
  mock_resource "azurerm_managed_redis" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Cache/redisEnterprise/tripline" }
  }
}

variables {
  name                      = "tripline-test"
  resource_group_name       = "tripline-test"
  location                  = "germanywestcentral"
  sku_name                  = "Balanced_B5"
  high_availability_enabled = true
  endpoint_subnet_id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline/subnets/endpoints"
  private_zone_id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/privateDnsZones/example.com"
  clients                   = { features = "00000000-0000-0000-0000-000000000001" }
  key = {
    key_id      = "https://tripline.vault.azure.net/keys/cache/00000000000000000000000000000000"
    identity_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ManagedIdentity/userAssignedIdentities/cache"
  }
}

run "forgets_nothing" {
  assert {
    condition     = azurerm_managed_redis.this.default_database[0].eviction_policy == "NoEviction" && azurerm_managed_redis.this.default_database[0].clustering_policy == "NoCluster"
    error_message = "Window state must never be evicted, and a batch's keys must be on one server."
  }

  assert {
    condition     = azurerm_managed_redis.this.default_database[0].persistence_append_only_file_backup_frequency == "1s"
    error_message = "With a replica, the state must survive a restart."
  }
}

run "speaks_tls_to_named_clients" {
  assert {
    condition     = azurerm_managed_redis.this.default_database[0].client_protocol == "Encrypted" && !azurerm_managed_redis.this.default_database[0].access_keys_authentication_enabled && azurerm_managed_redis.this.public_network_access == "Disabled"
    error_message = "The cache must require TLS and tokens instead of keys, and must not be reachable from outside."
  }
}
