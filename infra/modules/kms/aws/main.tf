# One key per kind of data, so that access to one kind can be revoked without affecting the others. AWS rotates the key
# material every year.

locals {
  # Services that use a key on their own, not on behalf of a caller, must be named in its policy.
  service_principals = {
    cache    = []
    cluster  = []
    database = []
    files    = []
    kafka    = []
    logs     = ["logs.${var.region}.amazonaws.com", "cloudwatch.amazonaws.com", "budgets.amazonaws.com", "sns.amazonaws.com"]
    objects  = []
    personal = []
    registry = []
    secrets  = []
    volumes  = []
  }
  autoscaling_role = "arn:aws:iam::${var.account_id}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109: This is a key policy, not a role's: without a statement for the account itself, nobody could manage the key.
  # checkov:skip=CKV_AWS_111: As above; a key policy's resource is always the key it is attached to.
  # checkov:skip=CKV_AWS_356: As above.
  for_each = local.service_principals

  statement {
    sid       = "AccountGrantsThroughIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${var.account_id}:root"]
    }
  }

  dynamic "statement" {
    for_each = length(each.value) > 0 ? [each.value] : []

    content {
      sid       = "ServicesEncrypt"
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = statement.value
      }

      # IfExists, because CloudWatch Logs sends no source account.
      condition {
        test     = "StringEqualsIfExists"
        variable = "aws:SourceAccount"
        values   = [var.account_id]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "volumes" ? [local.autoscaling_role] : []

    content {
      sid       = "AutoScalingUsesVolumes"
      actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      resources = ["*"]

      principals {
        type        = "AWS"
        identifiers = [statement.value]
      }
    }
  }

  dynamic "statement" {
    for_each = each.key == "volumes" ? [local.autoscaling_role] : []

    content {
      sid       = "AutoScalingGrantsToVolumes"
      actions   = ["kms:CreateGrant"]
      resources = ["*"]

      principals {
        type        = "AWS"
        identifiers = [statement.value]
      }

      condition {
        test     = "Bool"
        variable = "kms:GrantIsForAWSResource"
        values   = ["true"]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  for_each = local.service_principals

  description             = "${var.name}: ${each.key}"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  policy                  = data.aws_iam_policy_document.key[each.key].json
}

resource "aws_kms_alias" "this" {
  for_each = aws_kms_key.this

  name          = "alias/${var.name}-${each.key}"
  target_key_id = each.value.key_id
}
