mock_provider "azurerm" {
  mock_resource "azurerm_storage_account" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Storage/storageAccounts/tripline" }
  }
}

variables {
  name                   = "tripline-test"
  resource_group_name    = "tripline-test"
  location               = "germanywestcentral"
  account_name           = "triplinea1b2c3tfiles"
  storage_class_name     = "tripline-files"
  replication_type       = "ZRS"
  deleted_retention_days = 30
  cluster_principal_id   = "00000000-0000-0000-0000-000000000001"
  endpoint_subnet_id     = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline/subnets/endpoints"
  private_zone_id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/privateDnsZones/example.com"
  keep_volumes           = true
  key = {
    versionless_key_id = "https://tripline.vault.azure.net/keys/files"
    identity_id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ManagedIdentity/userAssignedIdentities/files"
  }
}

run "encrypted_private_kept" {
  assert {
    condition     = azurerm_storage_account.this.customer_managed_key[0].key_vault_key_id == var.key.versionless_key_id && azurerm_storage_account.this.infrastructure_encryption_enabled
    error_message = "Files must be encrypted with their own key."
  }

  assert {
    condition     = !azurerm_storage_account.this.public_network_access_enabled && !azurerm_storage_account.this.shared_access_key_enabled && azurerm_storage_account.this.network_rules[0].default_action == "Deny"
    error_message = "The account must have no public access and no keys."
  }

  assert {
    condition     = join(",", azurerm_private_endpoint.this.private_service_connection[0].subresource_names) == "file"
    error_message = "Shares must use their private endpoint."
  }

  assert {
    condition     = azurerm_storage_account.this.share_properties[0].retention_policy[0].days == 30
    error_message = "A deleted share must be recoverable."
  }
}

run "nfs" {
  assert {
    condition     = azurerm_storage_account.this.account_kind == "FileStorage" && azurerm_storage_account.this.account_tier == "Premium" && !azurerm_storage_account.this.https_traffic_only_enabled
    error_message = "Azure offers NFS shares only in premium accounts that do not require HTTPS."
  }

  assert {
    condition     = output.kubernetes_objects[0].parameters.protocol == "nfs" && output.kubernetes_objects[0].parameters.storageAccount == "triplinea1b2c3tfiles" && output.kubernetes_objects[0].parameters.storeAccountKey == "false"
    error_message = "The driver must create NFS shares in this account, without a key."
  }

  assert {
    condition     = azurerm_role_assignment.cluster.scope == azurerm_storage_account.this.id && azurerm_role_assignment.cluster.principal_id == var.cluster_principal_id
    error_message = "The cluster's permission must be limited to this account."
  }

  assert {
    condition     = output.kubernetes_objects[0].metadata.name == output.storage_class_name && output.kubernetes_objects[0].reclaimPolicy == "Retain"
    error_message = "Files must outlive their claim if volumes are to be retained."
  }
}

run "replication_that_files_do_not_know_is_refused" {
  command = plan

  variables {
    replication_type = "GZRS"
  }

  expect_failures = [var.replication_type]
}
