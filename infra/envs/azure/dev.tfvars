# Development: one of everything, spot where it may be, thrown away without asking.
environment        = "dev"
subscription_id    = "00000000-0000-0000-0000-000000000000" # yours
suffix             = "000000"                               # yours
location           = "germanywestcentral"
alert_emails       = ["alerts@example.com"]
protected          = false
log_retention_days = 30

budget = {
  monthly_amount = 2000
  start_date     = "2026-12-01T00:00:00Z"
}

database_administrator = {
  object_id = "00000000-0000-0000-0000-000000000000" # yours
  name      = "tripline-database-administrators"
  type      = "Group"
}

network = {
  cidr         = "10.50.0.0/16"
  pod_cidr     = "10.244.0.0/16"
  service_cidr = "10.245.0.0/16"
}

cluster = {
  kubernetes_version = "1.35"
  sku_tier           = "Free"
  zones              = ["1"]
  node_pools = {
    system     = { vm_size = "Standard_D2s_v5", spot = false, gpu = false, dedicated = false, nodes_min = 1, nodes_max = 3, disk_gib = 64 }
    serving    = { vm_size = "Standard_D2s_v5", spot = false, gpu = false, dedicated = true, nodes_min = 1, nodes_max = 3, disk_gib = 64 }
    scoringgpu = { vm_size = "Standard_NC4as_T4_v3", spot = true, gpu = true, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 128 }
    batch      = { vm_size = "Standard_D2s_v5", spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 2, disk_gib = 64 }
    training   = { vm_size = "Standard_D8s_v5", spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 128 }
  }
}

kafka = {
  processing_units = 1
}

cache = {
  sku_name                  = "Balanced_B1"
  high_availability_enabled = false
}

database = {
  engine_version        = "17"
  sku_name              = "B_Standard_B2s"
  storage_mib           = 32768
  highly_available      = false
  backup_retention_days = 7
}

objectstore = {
  replication_type       = "LRS"
  lake_tiering_days      = { cold = 30, archive = 150 }
  dataset_retention_days = 14
}

files = {
  replication_type = "LRS"
  lake_gib         = 100
  registry_gib     = 100
}
