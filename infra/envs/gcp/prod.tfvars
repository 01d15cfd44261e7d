# Production: three zones, replicas of everything, nothing deleted by accident.
environment        = "prod"
project_id         = "tripline-prod-000000" # yours
billing_account    = "000000-000000-000000" # yours
region             = "europe-west3"
alert_emails       = ["alerts@example.com"]
monthly_budget_usd = 9000
protected          = true
log_retention_days = 365

network = {
  cidr               = "10.32.0.0/16"
  pod_cidr           = "10.42.0.0/16"
  control_plane_cidr = "172.16.0.32/28"
}

# Three zones: counts are per zone.
cluster = {
  release_channel = "STABLE"
  node_zones      = ["europe-west3-a", "europe-west3-b", "europe-west3-c"]
  node_pools = {
    system      = { machine_type = "e2-standard-2", spot = false, gpu = null, dedicated = false, nodes_min = 1, nodes_max = 2, disk_gib = 50 }
    serving     = { machine_type = "n2-standard-8", spot = false, gpu = null, dedicated = true, nodes_min = 1, nodes_max = 6, disk_gib = 100 }
    scoring-gpu = { machine_type = "g2-standard-4", spot = false, gpu = "nvidia-l4", dedicated = true, nodes_min = 0, nodes_max = 2, disk_gib = 100 }
    batch       = { machine_type = "n2-standard-8", spot = true, gpu = null, dedicated = true, nodes_min = 0, nodes_max = 2, disk_gib = 100 }
    training    = { machine_type = "n2-standard-32", spot = true, gpu = null, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 500 }
  }
}

kafka = {
  vcpu_count = 12
  memory_gib = 48
}

cache = {
  engine_version        = "VALKEY_8_0"
  node_type             = "HIGHMEM_MEDIUM"
  replica_count         = 2
  backup_retention_days = 7
}

database = {
  database_version = "POSTGRES_17"
  edition          = "ENTERPRISE"
  tier             = "db-custom-2-7680"
  disk_gib         = 100
  disk_gib_max     = 500
  highly_available = true
  # Less than a month: a backup of before an erasure still has the wrapped keys of that person (docs/operations.md, "Erase a person").
  backups_kept = 28
}

objectstore = {
  lake_tiering_days      = { coldline = 90, archive = 365 }
  dataset_retention_days = 90
}

files = {
  tier         = "enterprise"
  lake_gib     = 1024
  registry_gib = 1024
}
