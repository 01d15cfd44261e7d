# Nodes write logs and metrics, and pull images. The OAuth scope is broad, because IAM limits the permissions.
resource "google_service_account" "node" {
  account_id   = "${var.name}-node"
  project      = var.project_id
  display_name = "Nodes of ${var.name}"
}

resource "google_project_iam_member" "node" {
  for_each = toset(["roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader"])

  project = var.project_id
  role    = each.key
  member  = google_service_account.node.member
}

resource "google_container_node_pool" "this" {
  for_each = var.node_pools

  name              = each.key
  project           = var.project_id
  location          = var.region
  cluster           = google_container_cluster.this.name
  max_pods_per_node = 64

  autoscaling {
    min_node_count  = each.value.nodes_min
    max_node_count  = each.value.nodes_max
    location_policy = each.value.spot ? "ANY" : "BALANCED"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  upgrade_settings {
    strategy        = "SURGE"
    max_surge       = 1
    max_unavailable = 0
  }

  node_config {
    machine_type      = each.value.machine_type
    image_type        = "COS_CONTAINERD"
    spot              = each.value.spot
    disk_size_gb      = each.value.disk_gib
    disk_type         = "pd-balanced"
    boot_disk_kms_key = var.volumes_kms_key_id
    service_account   = google_service_account.node.email
    oauth_scopes      = ["https://www.googleapis.com/auth/cloud-platform"]
    labels            = { tripline-pool = each.key }

    metadata = {
      disable-legacy-endpoints = "true"
    }

    kubelet_config {
      insecure_kubelet_readonly_port_enabled = "FALSE"
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    dynamic "guest_accelerator" {
      for_each = each.value.gpu == null ? [] : [each.value.gpu]

      content {
        type  = guest_accelerator.value
        count = 1

        gpu_driver_installation_config {
          gpu_driver_version = "LATEST"
        }
      }
    }

    dynamic "taint" {
      for_each = each.value.dedicated ? [each.key] : []

      content {
        key    = "tripline-pool"
        value  = taint.value
        effect = "NO_SCHEDULE"
      }
    }
  }
}
