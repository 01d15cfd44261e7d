output "helm_values" {
  description = "Values of the chart that depend on the cloud: tofu output -json helm_values > values.aws.json."
  value = {
    cloud     = "aws"
    namespace = var.namespace
    image     = { registry = module.registry.url }
    kafka = {
      bootstrapServers = module.kafka.bootstrap_servers
      topicPrefix      = local.access.topic_prefix
      tls              = true
      authentication   = "aws-msk-iam"
      createTopics     = true
    }
    redis = { url = module.cache.url, authentication = "aws-iam" }
    postgres = {
      host           = module.database.host
      port           = 5432
      database       = "tripline"
      user           = local.database_users["auth"]
      controlUser    = local.database_users["control"]
      consoleUser    = local.database_users["console"]
      icebergUser    = local.database_users["iceberg"]
      authentication = "aws-iam"
    }
    lake     = { url = module.objectstore.urls["lake"], storageClass = module.files.storage_class_name }
    registry = { storageClass = module.files.storage_class_name }
    objectStore = {
      models      = module.objectstore.urls["models"]
      datasets    = module.objectstore.urls["datasets"]
      anchors     = module.objectstore.urls["anchors"]
      attachments = module.objectstore.urls["attachments"]
    }
    personalData    = { masterKey = "awskms:${module.kms.key_arns["personal"]}" }
    serviceAccounts = { for service, annotations in module.identity.service_account_annotations : service => { annotations = annotations, podLabels = {} } }
    secretStore = {
      provider  = "aws"
      locations = { for service, names in module.identity.secret_names : service => var.region if length(names) > 0 }
      names     = module.identity.secret_names
    }
    telemetry = {
      metricsUrl  = module.observability.prometheus_write_url
      annotations = { "eks.amazonaws.com/role-arn" = module.observability.collector_role_arn }
      podLabels   = {}
    }
    # Training must not read archived files, which would have to be restored first. The week is a margin for late retrainings.
    jobs      = { worker = { days = var.objectstore.lake_tiering_days.deep_archive - 7 } }
    nodePools = { for name, pool in var.cluster.node_pools : name => { dedicated = pool.dedicated, gpu = pool.gpu, spot = pool.spot } }
  }
}

output "kubernetes_objects" {
  description = "Objects that the cluster must contain before the chart is installed: tofu output -json kubernetes_objects | kubectl apply --filename -"
  value       = { apiVersion = "v1", kind = "List", items = concat(module.files.kubernetes_objects, module.identity.kubernetes_objects) }
}

output "cluster_name" {
  description = "aws eks update-kubeconfig --name <this>."
  value       = module.cluster.name
}

output "cluster_autoscaler_role_arn" {
  description = "Annotation of kube-system/cluster-autoscaler's service account."
  value       = module.cluster.autoscaler_role_arn
}

output "database_administrator_secret_arn" {
  description = "Secret with the administrator's password, for creating the services' database users."
  value       = module.database.administrator_secret_arn
}

output "deployer" {
  description = "Role that the deploy workflow assumes, for the variable AWS_ROLE_ARN of the GitHub environment."
  value       = module.identity.deployer
}
