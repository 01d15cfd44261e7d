# Folders that several pods write and read: the lake, and models where there is no MLflow. GKE's own driver makes a Filestore
# instance for each claim, as GKE's service agent; here is what it needs: a class of volumes in this network and under this
# key, and a class of snapshots that are backups.

locals {
  # Basic instances are under Google's own keys; they know no customer's key.
  encryption = var.tier == "standard" ? {} : { "instance-encryption-kms-key" = var.kms_key_id }

  storage_class = {
    apiVersion           = "storage.k8s.io/v1"
    kind                 = "StorageClass"
    metadata             = { name = var.storage_class_name }
    provisioner          = "filestore.csi.storage.gke.io"
    reclaimPolicy        = var.keep_volumes ? "Retain" : "Delete"
    allowVolumeExpansion = true
    volumeBindingMode    = "WaitForFirstConsumer"

    # Instances have addresses of the range that is peered with Google's services, and no public ones.
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
