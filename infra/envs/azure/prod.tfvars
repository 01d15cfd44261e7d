# Production: three zones, replicas of everything, nothing deleted by accident.
environment        = "prod"
subscription_id    = "00000000-0000-0000-0000-000000000000" # yours
suffix             = "000000"                               # yours
location           = "germanywestcentral"
alert_emails       = ["alerts@example.com"]
protected          = true
log_retention_days = 365

budget = {
  monthly_amount = 10000
  start_date     = "2026-12-01T00:00:00Z"
}

database_administrator = {
  object_id = "00000000-0000-0000-0000-000000000000" # yours
  name      = "tripline-database-administrators"
  type      = "Group"
}

network = {
  cidr         = "10.52.0.0/16"
  pod_cidr     = "10.244.0.0/16"
  service_cidr = "10.245.0.0/16"
}

cluster = {
  kubernetes_version = "1.35"
  sku_tier           = "Standard"
  zones              = ["1", "2", "3"]
  node_pools = {
    system     = { vm_size = "Standard_D2s_v5", spot = false, gpu = false, dedicated = false, nodes_min = 3, nodes_max = 6, disk_gib = 64 }
    serving    = { vm_size = "Standard_D8s_v5", spot = false, gpu = false, dedicated = true, nodes_min = 3, nodes_max = 18, disk_gib = 128 }
    scoringgpu = { vm_size = "Standard_NC4as_T4_v3", spot = false, gpu = true, dedicated = true, nodes_min = 0, nodes_max = 6, disk_gib = 128 }
    batch      = { vm_size = "Standard_D8s_v5", spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 6, disk_gib = 128 }
    training   = { vm_size = "Standard_D32s_v5", spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 3, disk_gib = 512 }
  }
}

kafka = {
  processing_units = 2
}

cache = {
  sku_name                  = "Balanced_B20"
  high_availability_enabled = true
}

database = {
  engine_version   = "17"
  sku_name         = "GP_Standard_D2ds_v5"
  storage_mib      = 131072
  highly_available = true
  # Less than a month: a backup of before an erasure still has the wrapped keys of that person (docs/operations.md, "Erase a person").
  backup_retention_days = 28
}

# The archive tier needs one zone; prod keeps the lake in three and in the cold tier.
objectstore = {
  replication_type       = "ZRS"
  lake_tiering_days      = { cold = 90 }
  dataset_retention_days = 90
}

files = {
  replication_type = "ZRS"
  lake_gib         = 500
  registry_gib     = 100
}
