# Controllers that call AWS, each as its own service account with its own role.

locals {
  issuer = replace(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://", "")
  controllers = {
    aws-node              = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
    cluster-autoscaler    = aws_iam_policy.autoscaler.arn
    ebs-csi-controller-sa = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
    efs-csi-controller-sa = "arn:aws:iam::aws:policy/service-role/AmazonEFSCSIDriverPolicy"
  }

  addons_before_nodes = {
    kube-proxy = {}
    vpc-cni = {
      service_account = "aws-node"
      configuration   = jsonencode({ enableNetworkPolicy = "true" })
    }
  }
  addons_after_nodes = {
    aws-ebs-csi-driver = { service_account = "ebs-csi-controller-sa" }
    aws-efs-csi-driver = { service_account = "efs-csi-controller-sa" }
    coredns            = {}
    metrics-server     = {}
  }
}

data "aws_iam_policy_document" "controller_trust" {
  for_each = toset(["aws-node", "cluster-autoscaler", "ebs-csi-controller-sa", "efs-csi-controller-sa"])

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.cluster.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:kube-system:${each.key}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "controller" {
  for_each = local.controllers

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.controller_trust[each.key].json
}

resource "aws_iam_role_policy_attachment" "controller" {
  for_each = local.controllers

  role       = aws_iam_role.controller[each.key].name
  policy_arn = each.value
}

data "aws_iam_policy_document" "autoscaler" {
  # checkov:skip=CKV_AWS_356: The describe actions take no resource; actions that change something are limited to this cluster's groups by tag.
  statement {
    sid = "Look"
    actions = [
      "autoscaling:DescribeAutoScalingGroups",
      "autoscaling:DescribeAutoScalingInstances",
      "autoscaling:DescribeLaunchConfigurations",
      "autoscaling:DescribeScalingActivities",
      "autoscaling:DescribeTags",
      "ec2:DescribeImages",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeLaunchTemplateVersions",
      "ec2:GetInstanceTypesFromInstanceRequirements",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "LookAtNodeGroups"
    actions   = ["eks:DescribeNodegroup"]
    resources = ["${replace(aws_eks_cluster.this.arn, ":cluster/", ":nodegroup/")}/*"]
  }

  statement {
    sid       = "Scale"
    actions   = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/k8s.io/cluster-autoscaler/${var.name}"
      values   = ["owned"]
    }
  }
}

resource "aws_iam_policy" "autoscaler" {
  name   = "${var.name}-cluster-autoscaler"
  policy = data.aws_iam_policy_document.autoscaler.json
}

resource "aws_eks_addon" "before_nodes" {
  for_each = local.addons_before_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  configuration_values        = try(each.value.configuration, null)
  service_account_role_arn    = try(aws_iam_role.controller[each.value.service_account].arn, null)
  resolve_conflicts_on_update = "OVERWRITE"
}

resource "aws_eks_addon" "after_nodes" {
  for_each = local.addons_after_nodes

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  service_account_role_arn    = try(aws_iam_role.controller[each.value.service_account].arn, null)
  resolve_conflicts_on_update = "OVERWRITE"

  depends_on = [aws_eks_node_group.pool]
}
