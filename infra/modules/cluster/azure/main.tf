# The API server is inside the virtual network and has no public name. Users and pods have Entra identities; there are no
# local accounts, and nobody can run commands from the portal.

resource "azurerm_user_assigned_identity" "cluster" {
  name                = "${var.name}-cluster"
  resource_group_name = var.resource_group_name
  location            = var.location
}

resource "azurerm_user_assigned_identity" "kubelet" {
  name                = "${var.name}-kubelet"
  resource_group_name = var.resource_group_name
  location            = var.location
}

locals {
  cluster_roles = {
    api-subnet   = { scope = var.api_subnet_id, role = "Network Contributor" }
    nodes-subnet = { scope = var.nodes_subnet_id, role = "Network Contributor" }
    kubelet      = { scope = azurerm_user_assigned_identity.kubelet.id, role = "Managed Identity Operator" }
    secrets-key  = { scope = var.secrets_key.vault_id, role = "Key Vault Crypto User" }

    # Lets the cluster approve its own private link to the vault.
    secrets-vault = { scope = var.secrets_key.vault_id, role = "Key Vault Contributor" }
    disks         = { scope = azurerm_disk_encryption_set.this.id, role = "Reader" }
  }
}

resource "azurerm_role_assignment" "cluster" {
  for_each = local.cluster_roles

  scope                = each.value.scope
  role_definition_name = each.value.role
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_role_assignment" "pull" {
  scope                = var.registry_id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.kubelet.principal_id
  principal_type       = "ServicePrincipal"
}

resource "azurerm_disk_encryption_set" "this" {
  name                      = "${var.name}-disks"
  resource_group_name       = var.resource_group_name
  location                  = var.location
  key_vault_key_id          = var.volumes_key.versionless_key_id
  encryption_type           = "EncryptionAtRestWithCustomerKey"
  auto_key_rotation_enabled = true

  identity {
    type         = "UserAssigned"
    identity_ids = [var.volumes_key.identity_id]
  }
}

resource "azurerm_kubernetes_cluster" "this" {
  # checkov:skip=CKV_AZURE_6: The API server has no public address, so there are no public ranges to allow.
  # checkov:skip=CKV_AZURE_226: Ephemeral disks use the host's key; these use the customer's key, through the disk encryption set.
  # checkov:skip=CKV_AZURE_232: The first pool also runs the collector and ingress; a taint for critical add-ons would require another pool.
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.location
  kubernetes_version  = var.kubernetes_version
  sku_tier            = var.sku_tier
  dns_prefix          = var.name

  private_cluster_enabled             = true
  private_cluster_public_fqdn_enabled = false
  private_dns_zone_id                 = "System"
  local_account_disabled              = true
  run_command_enabled                 = false
  role_based_access_control_enabled   = true
  oidc_issuer_enabled                 = true
  workload_identity_enabled           = true
  azure_policy_enabled                = true
  automatic_upgrade_channel           = "patch"
  node_os_upgrade_channel             = "NodeImage"
  image_cleaner_enabled               = true
  image_cleaner_interval_hours        = 168
  disk_encryption_set_id              = azurerm_disk_encryption_set.this.id

  api_server_access_profile {
    virtual_network_integration_enabled = true
    subnet_id                           = var.api_subnet_id
  }

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled     = true
    admin_group_object_ids = var.admin_group_object_ids
  }

  default_node_pool {
    name                        = "system"
    vm_size                     = var.node_pools["system"].vm_size
    vnet_subnet_id              = var.nodes_subnet_id
    zones                       = var.zones
    auto_scaling_enabled        = true
    min_count                   = var.node_pools["system"].nodes_min
    max_count                   = var.node_pools["system"].nodes_max
    max_pods                    = 64
    os_sku                      = "AzureLinux"
    os_disk_size_gb             = var.node_pools["system"].disk_gib
    os_disk_type                = "Managed"
    host_encryption_enabled     = true
    node_labels                 = { tripline-pool = "system" }
    temporary_name_for_rotation = "systemtmp"

    upgrade_settings {
      max_surge = "33%"
    }
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }

  kubelet_identity {
    client_id                 = azurerm_user_assigned_identity.kubelet.client_id
    object_id                 = azurerm_user_assigned_identity.kubelet.principal_id
    user_assigned_identity_id = azurerm_user_assigned_identity.kubelet.id
  }

  key_management_service {
    key_vault_key_id         = var.secrets_key.key_id
    key_vault_network_access = "Private"
  }

  key_vault_secrets_provider {
    secret_rotation_enabled  = true
    secret_rotation_interval = "2m"
  }

  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    duration    = 4
    day_of_week = "Sunday"
    start_time  = "02:00"
    utc_offset  = "+00:00"
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    outbound_type       = "userAssignedNATGateway"
    load_balancer_sku   = "standard"
    pod_cidr            = var.pod_cidr
    service_cidr        = var.service_cidr
    dns_service_ip      = cidrhost(var.service_cidr, 10)
  }

  node_provisioning_profile {
    mode = "Manual"
  }

  oms_agent {
    log_analytics_workspace_id      = var.log_analytics_workspace_id
    msi_auth_for_monitoring_enabled = true
  }

  depends_on = [azurerm_role_assignment.cluster]
}

resource "azurerm_kubernetes_cluster_node_pool" "this" {
  for_each = { for name, pool in var.node_pools : name => pool if name != "system" }

  name                        = each.key
  kubernetes_cluster_id       = azurerm_kubernetes_cluster.this.id
  vm_size                     = each.value.vm_size
  vnet_subnet_id              = var.nodes_subnet_id
  zones                       = var.zones
  mode                        = "User"
  os_type                     = "Linux"
  os_sku                      = each.value.gpu ? "Ubuntu" : "AzureLinux"
  os_disk_size_gb             = each.value.disk_gib
  gpu_driver                  = each.value.gpu ? "Install" : null
  host_encryption_enabled     = true
  auto_scaling_enabled        = true
  min_count                   = each.value.nodes_min
  max_count                   = each.value.nodes_max
  max_pods                    = 64
  priority                    = each.value.spot ? "Spot" : "Regular"
  eviction_policy             = each.value.spot ? "Delete" : null
  spot_max_price              = each.value.spot ? -1 : null
  temporary_name_for_rotation = "${substr(each.key, 0, 9)}tmp"
  node_labels                 = merge({ tripline-pool = each.key }, each.value.spot ? { "kubernetes.azure.com/scalesetpriority" = "spot" } : {})

  node_taints = concat(
    each.value.dedicated ? ["tripline-pool=${each.key}:NoSchedule"] : [],
    each.value.spot ? ["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"] : [],
  )

  # A spot pool does not support surge.
  dynamic "upgrade_settings" {
    for_each = each.value.spot ? [] : ["33%"]

    content {
      max_surge = upgrade_settings.value
    }
  }
}

# The pods' output.
resource "azurerm_monitor_data_collection_rule" "containers" {
  name                = "${var.name}-containers"
  resource_group_name = var.resource_group_name
  location            = var.location
  kind                = "Linux"

  data_sources {
    extension {
      name           = "ContainerInsightsExtension"
      extension_name = "ContainerInsights"
      streams        = ["Microsoft-ContainerLogV2", "Microsoft-KubeEvents", "Microsoft-KubePodInventory"]

      extension_json = jsonencode({
        dataCollectionSettings = {
          enableContainerLogV2   = true
          interval               = "1m"
          namespaceFilteringMode = "Off"
        }
      })
    }
  }

  destinations {
    log_analytics {
      name                  = "workspace"
      workspace_resource_id = var.log_analytics_workspace_id
    }
  }

  data_flow {
    streams      = ["Microsoft-ContainerLogV2", "Microsoft-KubeEvents", "Microsoft-KubePodInventory"]
    destinations = ["workspace"]
  }
}

resource "azurerm_monitor_data_collection_rule_association" "containers" {
  name                    = "ContainerInsightsExtension"
  target_resource_id      = azurerm_kubernetes_cluster.this.id
  data_collection_rule_id = azurerm_monitor_data_collection_rule.containers.id
}

resource "azurerm_monitor_diagnostic_setting" "cluster" {
  name                       = "control-plane"
  target_resource_id         = azurerm_kubernetes_cluster.this.id
  log_analytics_workspace_id = var.log_analytics_workspace_id

  dynamic "enabled_log" {
    for_each = toset(["cluster-autoscaler", "guard", "kube-apiserver", "kube-audit-admin", "kube-controller-manager", "kube-scheduler"])

    content {
      category = enabled_log.key
    }
  }
}
