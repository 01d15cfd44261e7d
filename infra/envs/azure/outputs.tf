output "helm_values" {
  description = "Values of the chart that depend on the cloud: tofu output -json helm_values > values.azure.json."
  value = {
    cloud     = "azure"
    namespace = var.namespace
    image     = { registry = module.registry.url }
    kafka = {
      bootstrapServers = module.kafka.bootstrap_servers
      topicPrefix      = local.access.topic_prefix
      tls              = true
      authentication   = "azure-entra"
      createTopics     = false
    }
    redis = { url = module.cache.url, authentication = "azure-entra" }
    postgres = {
      host           = module.database.host
      port           = 5432
      database       = "tripline"
      user           = local.database_users["auth"]
      controlUser    = local.database_users["control"]
      consoleUser    = local.database_users["console"]
      icebergUser    = local.database_users["iceberg"]
      authentication = "azure-entra"
    }
    lake     = { url = module.objectstore.urls["lake"], storageClass = module.files.storage_class_name, size = "${var.files.lake_gib}Gi" }
    registry = { storageClass = module.files.storage_class_name, size = "${var.files.registry_gib}Gi" }
    objectStore = {
      models      = module.objectstore.urls["models"]
      datasets    = module.objectstore.urls["datasets"]
      anchors     = module.objectstore.urls["anchors"]
      attachments = module.objectstore.urls["attachments"]
    }
    personalData = { masterKey = "azurekv:${module.kms.personal_key.url}" }
    serviceAccounts = { for service, annotations in module.identity.service_account_annotations : service => {
      annotations = annotations
      podLabels   = { "azure.workload.identity/use" = "true" }
    } }
    secretStore = { provider = "azure", locations = module.identity.vault_names, names = module.identity.secret_names }
    telemetry = {
      metricsUrl  = module.observability.metrics_url
      annotations = { "azure.workload.identity/client-id" = module.observability.collector_client_id }
      podLabels   = { "azure.workload.identity/use" = "true" }
    }
    # Training must not read archived files, which would have to be restored first. The week is a margin for late retrainings.
    jobs      = { worker = { days = var.objectstore.lake_tiering_days.archive == null ? 0 : var.objectstore.lake_tiering_days.archive - 7 } }
    nodePools = { for name, pool in var.cluster.node_pools : name => { dedicated = pool.dedicated, gpu = pool.gpu, spot = pool.spot } }
  }
}

output "kubernetes_objects" {
  description = "Objects that the cluster must contain before the chart is installed: tofu output -json kubernetes_objects | kubectl apply --filename -"
  value       = { apiVersion = "v1", kind = "List", items = concat(module.files.kubernetes_objects, module.identity.kubernetes_objects) }
}

output "cluster_name" {
  description = "az aks get-credentials --name <this>."
  value       = module.cluster.name
}

output "resource_group_name" {
  description = "Resource group of all resources."
  value       = azurerm_resource_group.this.name
}

output "deployer" {
  description = "Client ID of the deploy workflow, for the variable AZURE_CLIENT_ID of the GitHub environment."
  value       = module.identity.deployer
}
