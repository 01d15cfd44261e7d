mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_efs_file_system" {
    defaults = { id = "fs-0000", arn = "arn:aws:elasticfilesystem:eu-central-1:000000000000:file-system/fs-0000" }
  }
}

variables {
  name                     = "tripline-test"
  storage_class_name       = "tripline-files"
  vpc_id                   = "vpc-1"
  subnet_ids               = ["subnet-a", "subnet-b", "subnet-c"]
  client_security_group_id = "sg-nodes"
  kms_key_arn              = "arn:aws:kms:eu-central-1:000000000000:key/files"
  backups                  = true
  keep_volumes             = true
}

run "encrypted_private_backed_up" {
  assert {
    condition     = aws_efs_file_system.this.encrypted && aws_efs_file_system.this.kms_key_id == var.kms_key_arn
    error_message = "Files must be encrypted with their own key."
  }

  assert {
    condition     = one(aws_efs_backup_policy.this.backup_policy).status == "ENABLED"
    error_message = "Backups must be enabled if requested."
  }

  assert {
    condition = anytrue([for statement in data.aws_iam_policy_document.this.statement :
      statement.effect == "Deny" && contains(statement.actions, "*") && contains(flatten([for condition in statement.condition : condition.variable]), "aws:SecureTransport")
    ])
    error_message = "Nothing may be served without TLS."
  }

  assert {
    condition     = !contains(flatten([for statement in data.aws_iam_policy_document.this.statement : statement.actions if statement.effect != "Deny"]), "elasticfilesystem:ClientRootAccess")
    error_message = "Nobody may be root on the file system."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.clients.referenced_security_group_id == "sg-nodes" && aws_vpc_security_group_ingress_rule.clients.from_port == 2049 && aws_vpc_security_group_ingress_rule.clients.to_port == 2049
    error_message = "Only nodes may reach the file system, and only over NFS."
  }

  assert {
    condition     = length(aws_efs_mount_target.this) == 3
    error_message = "Every zone needs a mount target."
  }
}

run "storage_class" {
  assert {
    condition     = output.kubernetes_objects[0].metadata.name == output.storage_class_name && output.kubernetes_objects[0].parameters.fileSystemId == aws_efs_file_system.this.id
    error_message = "The StorageClass must name this file system."
  }

  assert {
    condition     = output.kubernetes_objects[0].reclaimPolicy == "Retain"
    error_message = "Files must outlive their claim if volumes are to be retained."
  }
}

run "a_zone_without_a_mount_target_is_refused" {
  command = plan

  variables {
    subnet_ids = ["subnet-a", "subnet-b"]
  }

  expect_failures = [var.subnet_ids]
}
