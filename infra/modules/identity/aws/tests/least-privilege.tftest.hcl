# Each service gets only what infra/access.yaml grants it.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  # The provider validates the format of ARNs.
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/one" }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::000000000000:oidc-provider/oidc.example" }
  }

  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:one" }
  }
}

variables {
  name                 = "tripline-test"
  namespace            = "tripline"
  account_id           = "000000000000"
  services             = yamldecode(file("../../../access.yaml")).services
  topics               = yamldecode(file("../../../access.yaml")).topics
  lag_watchers         = yamldecode(file("../../../access.yaml")).lag_watchers
  oidc_provider_arn    = "arn:aws:iam::000000000000:oidc-provider/oidc.example"
  oidc_issuer          = "oidc.example"
  kafka_cluster_arn    = "arn:aws:kafka:eu-central-1:000000000000:cluster/tripline-test/0000-1"
  cache_arn            = "arn:aws:elasticache:eu-central-1:000000000000:replicationgroup:tripline-test"
  cache_user_arns      = { ingestion = "arn:user:ingestion", features = "arn:user:features", decisions = "arn:user:decisions", snapshots = "arn:user:snapshots" }
  database_resource    = "eu-central-1:000000000000:db-0000"
  bucket_arns          = { lake = "arn:aws:s3:::lake", models = "arn:aws:s3:::models", datasets = "arn:aws:s3:::datasets", anchors = "arn:aws:s3:::anchors", attachments = "arn:aws:s3:::attachments" }
  objects_kms_key_arn  = "arn:aws:kms:eu-central-1:000000000000:key/objects"
  personal_kms_key_arn = "arn:aws:kms:eu-central-1:000000000000:key/personal"
  secrets_kms_key_arn  = "arn:aws:kms:eu-central-1:000000000000:key/secrets"
  cluster              = { name = "tripline-test", arn = "arn:aws:eks:eu-central-1:000000000000:cluster/tripline-test" }
  repository_arns      = ["arn:aws:ecr:eu-central-1:000000000000:repository/tripline-test/auth"]
  deployer_kinds       = yamldecode(file("../../../access.yaml")).deployer
  github               = { repository = "acme/tripline", environments = ["staging"], create_provider = true }
}

run "least_privilege" {
  assert {
    condition     = length(distinct([for role in aws_iam_role.service : role.name])) == length(var.services)
    error_message = "Every service needs its own role."
  }

  assert {
    condition = alltrue([for service, document in data.aws_iam_policy_document.trust :
      contains(flatten([for condition in document.statement[0].condition : condition.values]), "system:serviceaccount:tripline:tripline-${service}")
    ])
    error_message = "A role must trust only its service's service account."
  }

  assert {
    condition     = join(" ", keys(data.aws_iam_policy_document.kafka)) == "archive auth console control decisions features ingestion snapshots training"
    error_message = "Scoring must not use Kafka."
  }

  assert {
    condition = join(" ", [
      for arn in flatten([for statement in data.aws_iam_policy_document.kafka["ingestion"].statement : sort(statement.resources) if statement.sid == "Write"]) : split("/", arn)[3]
    ]) == "auth-events.dlq erasures.dlq fraud-reports labels payment-updates subject-keys transactions"
    error_message = "Ingestion must write only transactions, labels, fraud reports, payment updates, personal data keys, and dead letters of what it reads."
  }

  assert {
    condition = join(" ", sort(flatten([for statement in data.aws_iam_policy_document.kafka["ingestion"].statement : statement.resources if contains(statement.actions, "kafka-cluster:CreateTopic")]))) == join(" ", sort([
      for topic in keys(var.topics) : "arn:aws:kafka:eu-central-1:000000000000:topic/tripline-test/0000-1/${topic}"
    ]))
    error_message = "The topics job, which uses ingestion's account, must be able to create the topics of the table and no others."
  }

  assert {
    condition = join(" ", [for service, document in data.aws_iam_policy_document.kafka : service
      if contains(flatten([for statement in document.statement : statement.actions]), "kafka-cluster:CreateTopic")
    ]) == "ingestion"
    error_message = "Only the topics job may create topics."
  }

  assert {
    condition = length(setintersection(
      flatten([for document in values(data.aws_iam_policy_document.kafka) : [for statement in document.statement : statement.actions]]),
      ["kafka-cluster:AlterCluster", "kafka-cluster:AlterTopic", "kafka-cluster:AlterTopicDynamicConfiguration", "kafka-cluster:DeleteGroup", "kafka-cluster:DeleteTopic"],
    )) == 0
    error_message = "No service may change or delete a topic."
  }

  assert {
    condition     = join(" ", sort([for arn in flatten([for statement in data.aws_iam_policy_document.kafka["ingestion"].statement : statement.resources if statement.sid == "Read"]) : split("/", arn)[3]])) == "auth-events erasures"
    error_message = "Ingestion must read revocations and erasures, but no payments."
  }

  assert {
    condition     = join(" ", flatten([for statement in data.aws_iam_policy_document.kafka["training"].statement : statement.resources if statement.sid == "Group"])) == "arn:aws:kafka:eu-central-1:000000000000:group/tripline-test/0000-1/training"
    error_message = "A service may use only the consumer group with its own name."
  }

  assert {
    condition     = join(" ", [for arn in flatten([for statement in data.aws_iam_policy_document.kafka["decisions"].statement : statement.resources if statement.sid == "Group"]) : split("/", arn)[3]]) == "decisions decisions-*"
    error_message = "A service that follows a table may use groups that begin with its name."
  }

  assert {
    condition = join(" ", [for service, document in data.aws_iam_policy_document.kafka : service
      if contains(flatten([for statement in document.statement : statement.resources if contains(statement.actions, "kafka-cluster:DescribeGroup")]), "arn:aws:kafka:eu-central-1:000000000000:group/tripline-test/0000-1/features")
    ]) == "console features snapshots"
    error_message = "Only features and those who watch its lag may see the offsets of features."
  }

  assert {
    condition = join(" ", [for service, document in data.aws_iam_policy_document.kafka : service
      if contains(flatten([for statement in document.statement : statement.resources if contains(statement.actions, "kafka-cluster:AlterGroup")]), "arn:aws:kafka:eu-central-1:000000000000:group/tripline-test/0000-1/features")
    ]) == "features"
    error_message = "Only features may join its consumer group."
  }

  assert {
    condition     = join(" ", flatten([for statement in data.aws_iam_policy_document.buckets["scoring"].statement : statement.resources if statement.sid == "Read"])) == "arn:aws:s3:::models/*"
    error_message = "Scoring must read only models."
  }

  assert {
    condition     = !contains([for statement in data.aws_iam_policy_document.buckets["scoring"].statement : statement.sid], "Write")
    error_message = "Scoring must not write to any bucket."
  }

  assert {
    condition     = !contains(flatten([for statement in data.aws_iam_policy_document.buckets["training"].statement : statement.resources if statement.sid == "Write"]), "arn:aws:s3:::lake/*")
    error_message = "Training must not change the lake."
  }

  assert {
    condition = jsonencode({ for service, document in data.aws_iam_policy_document.personal : service => sort(document.statement[0].actions) }) == jsonencode({
      control = ["kms:Decrypt", "kms:Encrypt"], ingestion = ["kms:Encrypt"]
    })
    error_message = "Ingestion must wrap personal data keys and not unwrap them."
  }

  assert {
    condition     = join(" ", flatten([for statement in data.aws_iam_policy_document.stores["auth"].statement : statement.resources if statement.sid == "Database"])) == "arn:aws:rds-db:eu-central-1:000000000000:dbuser:db-0000/auth"
    error_message = "Auth must connect as the database user auth."
  }

  assert {
    condition = alltrue([for document in concat(
      values(data.aws_iam_policy_document.kafka), values(data.aws_iam_policy_document.stores), values(data.aws_iam_policy_document.buckets),
    ) : alltrue([for statement in document.statement : !anytrue([for action in statement.actions : strcontains(action, "*")]) && !contains(statement.resources, "*")])])
    error_message = "No service's policy may have a wildcard for an action or for all resources."
  }

  assert {
    condition     = contains(flatten([for condition in data.aws_iam_policy_document.deployer_trust[0].statement[0].condition : condition.values]), "repo:acme/tripline:environment:staging")
    error_message = "The deployer must trust the repository's environment."
  }
}

run "deployer" {
  assert {
    condition = jsonencode([for object in output.kubernetes_objects : object.rules if object.kind == "Role"]) == jsonencode([[for group, kinds in yamldecode(file("../../../access.yaml")).deployer : {
      apiGroups = [group], resources = kinds, verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    }]])
    error_message = "The deployer may create only the custom resources that infra/access.yaml names."
  }

  assert {
    condition     = contains(flatten([for object in output.kubernetes_objects : [for rule in object.rules : rule.resources if rule.apiGroups[0] == "argoproj.io"] if object.kind == "Role"]), "rollouts/status")
    error_message = "A paused Rollout is promoted through its status."
  }

  assert {
    condition     = alltrue([for object in output.kubernetes_objects : object.metadata.namespace == var.namespace if object.kind != "Namespace"])
    error_message = "The deployer's permissions must be limited to the services' namespace."
  }

  assert {
    condition     = join(" ", aws_eks_access_entry.deployer[0].kubernetes_groups) == join(" ", flatten([for object in output.kubernetes_objects : object.subjects[*].name if object.kind == "RoleBinding"]))
    error_message = "The Role must be bound to the group of the deployer's access entry."
  }
}

run "no_github_no_deployer" {
  variables {
    github = null
  }

  assert {
    condition     = output.deployer == null && length(aws_iam_openid_connect_provider.github) == 0
    error_message = "Without a repository nobody may deploy."
  }

  assert {
    condition     = join(" ", [for object in output.kubernetes_objects : object.kind]) == "Namespace"
    error_message = "Without a repository, nobody may have permissions in the namespace."
  }
}
