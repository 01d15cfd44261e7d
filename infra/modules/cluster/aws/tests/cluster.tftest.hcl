mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  # The provider validates the format of ARNs.
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/one" }
  }

  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::000000000000:policy/one" }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::000000000000:oidc-provider/oidc.example" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:000000000000:log-group:one" }
  }

  mock_resource "aws_launch_template" {
    defaults = { id = "lt-0123456789abcdef0" }
  }

  mock_resource "aws_eks_cluster" {
    defaults = {
      arn      = "arn:aws:eks:eu-central-1:000000000000:cluster/tripline"
      identity = [{ oidc = [{ issuer = "https://oidc.example/id/0000" }] }]
    }
  }
}

variables {
  name                = "tripline-test"
  kubernetes_version  = "1.35"
  vpc_id              = "vpc-1"
  subnet_ids          = ["subnet-a", "subnet-b", "subnet-c"]
  api_client_cidrs    = ["10.0.0.0/24"]
  admin_role_arns     = ["arn:aws:iam::000000000000:role/admin"]
  secrets_kms_key_arn = "arn:aws:kms:eu-central-1:000000000000:key/cluster"
  volumes_kms_key_arn = "arn:aws:kms:eu-central-1:000000000000:key/volumes"
  logs_kms_key_arn    = "arn:aws:kms:eu-central-1:000000000000:key/logs"
  log_retention_days  = 30
  deletion_protection = true
  node_pools = {
    system   = { instance_types = ["m7i.large"], spot = false, gpu = false, dedicated = false, nodes_min = 1, nodes_max = 3, disk_gib = 50 }
    gpu      = { instance_types = ["g6.xlarge"], spot = false, gpu = true, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 100 }
    training = { instance_types = ["m7i.2xlarge"], spot = true, gpu = false, dedicated = true, nodes_min = 0, nodes_max = 1, disk_gib = 100 }
  }
}

run "private_and_encrypted" {
  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "The API endpoint must be private."
  }

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].provider[0].key_arn == var.secrets_kms_key_arn
    error_message = "Kubernetes Secrets must be encrypted with the cluster key."
  }

  assert {
    condition     = alltrue([for template in aws_launch_template.pool : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "Pods must not reach the node's credentials."
  }
}

run "pools" {
  assert {
    condition     = aws_eks_node_group.pool["training"].capacity_type == "SPOT" && aws_eks_node_group.pool["system"].capacity_type == "ON_DEMAND"
    error_message = "Spot must be set per pool."
  }

  assert {
    condition     = one(aws_eks_node_group.pool["training"].taint).value == "training" && length(aws_eks_node_group.pool["system"].taint) == 0
    error_message = "A dedicated pool must be tainted with its name, and a shared one must not."
  }

  assert {
    condition     = aws_eks_node_group.pool["gpu"].ami_type == "AL2023_x86_64_NVIDIA"
    error_message = "GPU nodes need an image with the driver."
  }
}

run "drivers_have_roles_of_their_own" {
  assert {
    condition     = aws_eks_addon.after_nodes["aws-efs-csi-driver"].service_account_role_arn == aws_iam_role.controller["efs-csi-controller-sa"].arn
    error_message = "Volumes written by many pods need the EFS driver with its own role."
  }

  assert {
    condition = alltrue([for account, document in data.aws_iam_policy_document.controller_trust :
      contains(flatten([for condition in document.statement[0].condition : condition.values]), "system:serviceaccount:kube-system:${account}")
    ])
    error_message = "A controller's role must trust only that controller's service account."
  }
}

run "open_api_is_refused" {
  command = plan

  variables {
    api_client_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.api_client_cidrs]
}

run "training_without_a_pool_is_refused" {
  command = plan

  variables {
    node_pools = {
      system = { instance_types = ["m7i.large"], spot = false, gpu = false, dedicated = false, nodes_min = 1, nodes_max = 3, disk_gib = 50 }
    }
  }

  expect_failures = [var.node_pools]
}
