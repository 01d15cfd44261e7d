output "storage_class_name" {
  description = "StorageClass of volumes to which many pods write."
  value       = var.storage_class_name
}

# Uses the pods' user and group (deploy/helm). Waits for the mount targets, because a volume cannot be mounted before they exist.
output "kubernetes_objects" {
  description = "Objects for `kubectl apply`: the StorageClass."
  value = [{
    apiVersion        = "storage.k8s.io/v1"
    kind              = "StorageClass"
    metadata          = { name = var.storage_class_name }
    provisioner       = "efs.csi.aws.com"
    reclaimPolicy     = var.keep_volumes ? "Retain" : "Delete"
    volumeBindingMode = "Immediate"
    mountOptions      = ["tls"]
    parameters = {
      provisioningMode = "efs-ap"
      fileSystemId     = aws_efs_file_system.this.id
      directoryPerms   = "750"
      uid              = "65532"
      gid              = "65532"
    }
  }]
  depends_on = [aws_efs_mount_target.this]
}
