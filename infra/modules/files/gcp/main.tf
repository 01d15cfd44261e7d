# Folders that several pods read and write: the lake, and models if there is no MLflow. GKE's own driver creates a Filestore
# instance for each claim, as GKE's service agent. It needs the objects that this module creates: a StorageClass for this network and
# key, and a class of snapshots that are backups.

locals {
  # Basic instances use Google's own keys; they do not support customer keys.
  encryption = var.tier == "standard" ? {} : { "instance-encryption-kms-key" = var.kms_key_id }

  storage_class = {
    apiVersion           = "storage.k8s.io/v1"
    kind                 = "StorageClass"
    metadata             = { name = var.storage_class_name }
    provisioner          = "filestore.csi.storage.gke.io"
    reclaimPolicy        = var.keep_volumes ? "Retain" : "Delete"
    allowVolumeExpansion = true
    volumeBindingMode    = "WaitForFirstConsumer"

    # Instances have addresses in the range that is peered with Google's services, but no public addresses.
    parameters = merge(local.encryption, {
      tier                = var.tier
      network             = var.network_name
      "connect-mode"      = "PRIVATE_SERVICE_ACCESS"
      "reserved-ip-range" = var.reserved_range_name
    })
  }

  backup_class = {
    apiVersion     = "snapshot.storage.k8s.io/v1"
    kind           = "VolumeSnapshotClass"
    metadata       = { name = "${var.storage_class_name}-backup" }
    driver         = "filestore.csi.storage.gke.io"
    deletionPolicy = "Retain"
    parameters     = { type = "backup", location = var.region }
  }
}
