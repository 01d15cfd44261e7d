output "helm_values" {
  description = "Values of the chart that depend on the cloud: tofu output -json helm_values > values.gcp.json."
  value = {
    cloud     = "gcp"
    namespace = var.namespace
    image     = { registry = module.registry.url }
    kafka = {
      bootstrapServers = module.kafka.bootstrap_servers
      topicPrefix      = local.access.topic_prefix
      tls              = true
      authentication   = "gcp-oauth"
      createTopics     = false
    }
    redis = { url = module.cache.url, authentication = "gcp-iam" }
    postgres = {
      host           = module.database.host
      port           = 5432
      database       = "tripline"
      user           = module.database.users["auth"]
      controlUser    = module.database.users["control"]
      consoleUser    = module.database.users["console"]
      icebergUser    = module.database.users["iceberg"]
      authentication = "gcp-iam"
    }
    lake     = { url = module.objectstore.urls["lake"], storageClass = module.files.storage_class_name, size = "${var.files.lake_gib}Gi" }
    registry = { storageClass = module.files.storage_class_name, size = "${var.files.registry_gib}Gi" }
    objectStore = {
      models      = module.objectstore.urls["models"]
      datasets    = module.objectstore.urls["datasets"]
      anchors     = module.objectstore.urls["anchors"]
      attachments = module.objectstore.urls["attachments"]
    }
    personalData    = { masterKey = "gcpkms:${module.kms.key_ids["personal"]}" }
    serviceAccounts = { for service, annotations in module.identity.service_account_annotations : service => { annotations = annotations, podLabels = {} } }
    secretStore = {
      provider  = "gcp"
      locations = { for service, names in module.identity.secret_names : service => var.project_id if length(names) > 0 }
      names     = module.identity.secret_names
    }
    telemetry = {
      metricsUrl  = module.observability.metrics_url
      annotations = { "iam.gke.io/gcp-service-account" = module.observability.collector_email }
      podLabels   = {}
    }
    nodePools = { for name, pool in var.cluster.node_pools : name => { dedicated = pool.dedicated, gpu = pool.gpu != null, spot = pool.spot } }
  }
}

output "kubernetes_objects" {
  description = "Objects that the cluster must contain before the chart is installed: tofu output -json kubernetes_objects | kubectl apply --filename -"
  value       = { apiVersion = "v1", kind = "List", items = concat(module.files.kubernetes_objects, module.identity.kubernetes_objects) }
}

output "cluster_name" {
  description = "gcloud container clusters get-credentials <this> --internal-ip."
  value       = module.cluster.name
}

output "deployer" {
  description = "Service account and identity provider of the deploy workflow; variables of the GitHub environment."
  value       = module.identity.deployer
}
