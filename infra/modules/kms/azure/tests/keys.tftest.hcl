mock_provider "azurerm" {
  mock_resource "azurerm_key_vault" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.KeyVault/vaults/tripline" }
  }

  mock_resource "azurerm_key_vault_key" {
    defaults = {
      id                      = "https://tripline.vault.azure.net/keys/one/00000000000000000000000000000000"
      versionless_id          = "https://tripline.vault.azure.net/keys/one"
      resource_versionless_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.KeyVault/vaults/tripline/keys/one"
    }
  }

  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
      principal_id = "00000000-0000-0000-0000-000000000001"
    }
  }
}

variables {
  name                = "tripline-test"
  resource_group_name = "tripline-test"
  location            = "germanywestcentral"
  vault_name          = "tl-keys-t-a1b2c3"
  tenant_id           = "00000000-0000-0000-0000-000000000003"
  operator_cidrs      = []
  operator_object_id  = "00000000-0000-0000-0000-000000000004"
  endpoint_subnet_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline/subnets/endpoints"
  private_zone_id     = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/privateDnsZones/example.com"
}

run "a_key_each" {
  assert {
    condition     = join(" ", keys(azurerm_key_vault_key.this)) == "cache cluster database files kafka objects personal registry volumes"
    error_message = "Every kind of data needs its own key."
  }

  assert {
    condition     = join(" ", sort(azurerm_key_vault_key.this["cluster"].key_opts)) == "decrypt encrypt"
    error_message = "AKS must encrypt with the key itself."
  }

  assert {
    condition     = alltrue([for key in azurerm_key_vault_key.this : key.rotation_policy[0].automatic[0].time_after_creation == "P90D"])
    error_message = "Keys must be rotated after 90 days."
  }

  assert {
    condition     = alltrue([for assignment in azurerm_role_assignment.encryption : endswith(assignment.scope, "/vaults/tripline/keys/one")])
    error_message = "An identity's permission must be limited to its key."
  }
}

run "closed_without_operators" {
  assert {
    condition     = !azurerm_key_vault.this.public_network_access_enabled && azurerm_key_vault.this.network_acls[0].default_action == "Deny"
    error_message = "Without operator ranges, the vault must have no public access."
  }
}
