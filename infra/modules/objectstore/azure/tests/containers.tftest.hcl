mock_provider "azurerm" {
  mock_resource "azurerm_storage_account" {
    defaults = {
      id                    = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Storage/storageAccounts/tripline"
      primary_blob_endpoint = "https://tripline.blob.core.windows.net/"
    }
  }
}

variables {
  name                   = "tripline-test"
  resource_group_name    = "tripline-test"
  location               = "germanywestcentral"
  account_name           = "triplinetesta1b2c3"
  replication_type       = "LRS"
  endpoint_subnet_id     = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline/subnets/endpoints"
  private_zone_id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/privateDnsZones/example.com"
  lake_topics            = ["features", "labels"]
  lake_tiering_days      = { cold = 90, archive = 365 }
  dataset_retention_days = 30
  key = {
    versionless_key_id = "https://tripline.vault.azure.net/keys/objects"
    identity_id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ManagedIdentity/userAssignedIdentities/objects"
  }
}

run "tiers_and_lifetimes" {
  assert {
    condition     = azurerm_storage_management_policy.this.rule[0].actions[0].base_blob[0].tier_to_cold_after_days_since_creation_greater_than == 90 && azurerm_storage_management_policy.this.rule[0].actions[0].base_blob[0].tier_to_archive_after_days_since_creation_greater_than == 365
    error_message = "The lake must move to colder tiers with age."
  }

  assert {
    condition     = azurerm_storage_management_policy.this.rule[0].filters[0].prefix_match == toset(["lake/features/day=", "lake/labels/day="])
    error_message = "Only the daily files may move to colder tiers."
  }

  assert {
    condition     = one(azurerm_storage_management_policy.this.rule[1].filters[0].prefix_match) == "datasets/"
    error_message = "Only data sets may expire."
  }
}

run "closed_and_encrypted" {
  assert {
    condition     = !azurerm_storage_account.this.shared_access_key_enabled && !azurerm_storage_account.this.public_network_access_enabled
    error_message = "No account keys, and no external access."
  }

  assert {
    condition     = azurerm_storage_account.this.customer_managed_key[0].key_vault_key_id == var.key.versionless_key_id
    error_message = "The account must be encrypted with the objects key."
  }
}

run "unknown_replication_is_refused" {
  command = plan

  variables {
    replication_type = "RAGRS"
  }

  expect_failures = [var.replication_type]
}

run "first_tier_too_soon_is_refused" {
  command = plan

  variables {
    lake_tiering_days = { cold = 29, archive = 365 }
  }

  expect_failures = [var.lake_tiering_days]
}
