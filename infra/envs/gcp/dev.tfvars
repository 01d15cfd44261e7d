# Development: one of everything, spot where it may be, thrown away without asking.
environment        = "dev"
project_id         = "tripline-dev-000000"  # yours
billing_account    = "000000-000000-000000" # yours
region             = "europe-west3"
alert_emails       = ["alerts@example.com"]
monthly_budget_usd = 1200
protected          = false
log_retention_days = 30

network = {
  cidr               = "10.30.0.0/16"
  pod_cidr           = "10.40.0.0/16"
  control_plane_cidr = "172.16.0.0/28"
}

# One zone.
cluster = {
  release_channel = "REGULAR"
  node_zones      = ["europe-west3-b"]
  node_pools = {
    system      = { machine_type = "e2-standard-2", spot = false, gpu = null, dedicated = false, nodes_min = 1, nodes_max = 3, disk_gib = 50 }
    serving     = { machine_type = "e2-standard-2", spot = false, gpu = null, dedicated = true, nodes_min = 1, nodes_max = 3, disk_gib = 50 }
    scoring-gpu = { machine_type = "g2-standard-4", spot = true, gpu = "nvidia-l4", dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 100 }
    batch       = { machine_type = "e2-standard-2", spot = true, gpu = null, dedicated = true, nodes_min = 0, nodes_max = 2, disk_gib = 50 }
    training    = { machine_type = "e2-standard-8", spot = true, gpu = null, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 100 }
  }
}

kafka = {
  vcpu_count = 3
  memory_gib = 3
}

cache = {
  engine_version        = "VALKEY_8_0"
  node_type             = "SHARED_CORE_NANO"
  replica_count         = 0
  backup_retention_days = 1
}

database = {
  database_version = "POSTGRES_17"
  edition          = "ENTERPRISE"
  tier             = "db-custom-1-3840"
  disk_gib         = 20
  disk_gib_max     = 100
  highly_available = false
  backups_kept     = 7
}

objectstore = {
  lake_tiering_days      = { coldline = 30, archive = 120 }
  dataset_retention_days = 14
}

files = {
  tier         = "standard"
  lake_gib     = 100
  registry_gib = 100
}
