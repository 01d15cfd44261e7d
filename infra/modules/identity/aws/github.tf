# Workflows sign in with the token that GitHub issues to a job in a protected environment. No key is stored anywhere.

locals {
  github_url = "token.actions.githubusercontent.com"
  github_provider_arn = var.github == null ? null : (
    var.github.create_provider ? aws_iam_openid_connect_provider.github[0].arn
    : "arn:aws:iam::${var.account_id}:oidc-provider/${local.github_url}"
  )
  deployer_group = "${var.name}-deployer"
}

resource "aws_iam_openid_connect_provider" "github" {
  count = try(var.github.create_provider, false) ? 1 : 0

  url            = "https://${local.github_url}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "deployer_trust" {
  count = var.github == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.github_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github_url}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github_url}:sub"
      values   = [for environment in var.github.environments : "repo:${var.github.repository}:environment:${environment}"]
    }
  }
}

data "aws_iam_policy_document" "deployer" {
  # checkov:skip=CKV_AWS_356: ecr:GetAuthorizationToken takes no resource.
  count = var.github == null ? 0 : 1

  statement {
    sid       = "RegistryLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Images"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = var.repository_arns
  }

  statement {
    sid       = "Cluster"
    actions   = ["eks:DescribeCluster"]
    resources = [var.cluster.arn]
  }
}

resource "aws_iam_role" "deployer" {
  count = var.github == null ? 0 : 1

  name               = "${var.name}-deployer"
  assume_role_policy = data.aws_iam_policy_document.deployer_trust[0].json
}

resource "aws_iam_role_policy" "deployer" {
  count = var.github == null ? 0 : 1

  name   = "deploy"
  role   = aws_iam_role.deployer[0].id
  policy = data.aws_iam_policy_document.deployer[0].json
}

resource "aws_eks_access_entry" "deployer" {
  count = var.github == null ? 0 : 1

  cluster_name      = var.cluster.name
  principal_arn     = aws_iam_role.deployer[0].arn
  kubernetes_groups = [local.deployer_group]
}

# Permissions are limited to the namespace of the services. EKS's policy does not cover the operators' kinds, but the Role below does.
resource "aws_eks_access_policy_association" "deployer" {
  count = var.github == null ? 0 : 1

  cluster_name  = var.cluster.name
  principal_arn = aws_iam_role.deployer[0].arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminPolicy"

  access_scope {
    type       = "namespace"
    namespaces = [var.namespace]
  }

  depends_on = [aws_eks_access_entry.deployer]
}

locals {
  kubernetes_namespace = {
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = { name = var.namespace, labels = { "pod-security.kubernetes.io/enforce" = "restricted" } }
  }

  deployer_role = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "Role"
    metadata   = { name = "deployer", namespace = var.namespace }
    rules = [for group, kinds in var.deployer_kinds : {
      apiGroups = [group]
      resources = kinds
      verbs     = ["create", "delete", "get", "list", "patch", "update", "watch"]
    }]
  }

  deployer_binding = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "RoleBinding"
    metadata   = { name = "deployer", namespace = var.namespace }
    roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = "deployer" }
    subjects   = [{ apiGroup = "rbac.authorization.k8s.io", kind = "Group", name = local.deployer_group }]
  }

  deployer_objects = [for object in [local.deployer_role, local.deployer_binding] : object if var.github != null]
}
