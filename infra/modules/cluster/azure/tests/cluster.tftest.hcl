mock_provider "azurerm" {
  mock_resource "azurerm_monitor_data_collection_rule" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Insights/dataCollectionRules/tripline" }
  }

  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ManagedIdentity/userAssignedIdentities/one"
      principal_id = "00000000-0000-0000-0000-000000000001"
      client_id    = "00000000-0000-0000-0000-000000000002"
    }
  }

  mock_resource "azurerm_disk_encryption_set" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Compute/diskEncryptionSets/tripline" }
  }

  mock_resource "azurerm_kubernetes_cluster" {
    defaults = {
      id              = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ContainerService/managedClusters/tripline"
      oidc_issuer_url = "https://oidc.example.com/0000/"
    }
  }
}

variables {
  name                   = "tripline-test"
  resource_group_name    = "tripline-test"
  location               = "germanywestcentral"
  kubernetes_version     = "1.35"
  sku_tier               = "Standard"
  zones                  = ["1", "2", "3"]
  nodes_subnet_id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline/subnets/nodes"
  api_subnet_id          = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.Network/virtualNetworks/tripline/subnets/api"
  pod_cidr               = "10.244.0.0/16"
  service_cidr           = "10.245.0.0/16"
  admin_group_object_ids = ["00000000-0000-0000-0000-000000000005"]
  secrets_key = {
    key_id   = "https://tripline.vault.azure.net/keys/cluster/00000000000000000000000000000000"
    vault_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.KeyVault/vaults/tripline"
  }
  volumes_key = {
    versionless_key_id = "https://tripline.vault.azure.net/keys/volumes"
    identity_id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ManagedIdentity/userAssignedIdentities/volumes"
  }
  log_analytics_workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.OperationalInsights/workspaces/tripline"
  registry_id                = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/tripline/providers/Microsoft.ContainerRegistry/registries/tripline"
  node_pools = {
    system   = { vm_size = "Standard_D2s_v5", spot = false, gpu = false, dedicated = false, nodes_min = 1, nodes_max = 3, disk_gib = 64 }
    gpu      = { vm_size = "Standard_NC4as_T4_v3", spot = false, gpu = true, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 128 }
    training = { vm_size = "Standard_D8s_v5", spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 128 }
  }
}

run "private_and_encrypted" {
  assert {
    condition     = azurerm_kubernetes_cluster.this.private_cluster_enabled && azurerm_kubernetes_cluster.this.local_account_disabled && !azurerm_kubernetes_cluster.this.private_cluster_public_fqdn_enabled
    error_message = "The API server must be private and without local accounts."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.key_management_service[0].key_vault_key_id == var.secrets_key.key_id
    error_message = "Kubernetes Secrets must be encrypted with the cluster key."
  }
}

run "pools" {
  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.this["training"].priority == "Spot" && azurerm_kubernetes_cluster_node_pool.this["gpu"].priority == "Regular"
    error_message = "Spot must be set per pool."
  }

  assert {
    condition     = contains(azurerm_kubernetes_cluster_node_pool.this["training"].node_taints, "tripline-pool=training:NoSchedule")
    error_message = "A dedicated pool must be tainted with its name."
  }

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.this["gpu"].gpu_driver == "Install"
    error_message = "GPU nodes need the driver."
  }
}

run "long_pool_name_is_refused" {
  command = plan

  variables {
    node_pools = {
      system      = { vm_size = "Standard_D2s_v5", spot = false, gpu = false, dedicated = false, nodes_min = 1, nodes_max = 3, disk_gib = 64 }
      training    = { vm_size = "Standard_D8s_v5", spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 128 }
      scoring-gpu = { vm_size = "Standard_NC4as_T4_v3", spot = false, gpu = true, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 128 }
    }
  }

  expect_failures = [var.node_pools]
}
