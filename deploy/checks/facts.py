"""What must be true of a stack, asked of the services that it was made of; of queues, buckets and roles."""

import contextlib
import json

import boto3
import botocore.exceptions
import facts_fleet as fleet
import template
from scenarios import ACCOUNT, DATA_KEYS, KEY, REGION, STACK

DAYS_14 = "1209600"


class Facts:
    """What held, and what did not."""

    def __init__(self):
        self.held = 0
        self.broken = []
        self.scenario = ""

    def equal(self, what, found, wanted):
        if found == wanted:
            self.held += 1
        else:
            found, wanted = apart(found, wanted)
            self.broken.append(f"{self.scenario}: {what}: found {found!r}, not {wanted!r}")

    @contextlib.contextmanager
    def asking(self, what):
        """A question that finds nothing to ask is an answer too, and does not end the others."""
        try:
            yield
        except (LookupError, TypeError, template.TemplateError, botocore.exceptions.ClientError) as error:
            self.broken.append(f"{self.scenario}: {what}: {error!r}")


def apart(found, wanted):
    """Two values without what they have in common."""
    if isinstance(found, set) and isinstance(wanted, set):
        return found - wanted, wanted - found
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = {name for name in found | wanted if found.get(name) != wanted.get(name)}
        parts = {name: apart(found.get(name), wanted.get(name)) for name in names}
        return {name: part[0] for name, part in parts.items()}, {
            name: part[1] for name, part in parts.items()
        }
    if isinstance(found, list) and isinstance(wanted, list):
        return [one for one in found if one not in wanted], [one for one in wanted if one not in found]
    return found, wanted


def check_resources(facts, stack, values):
    """Everything that the template makes with these parameters was made, and nothing else."""
    wanted = {name for name in values.template["Resources"] if values.exists(name)}
    facts.equal("resources", set(stack.resources), wanted)
    outputs = {
        name
        for name, output in values.template["Outputs"].items()
        if "Condition" not in output or values.condition(output["Condition"])
    }
    facts.equal("outputs", set(stack.outputs), outputs)


def check_queues(facts, stack, values):
    url, dlq_url = stack.outputs["QueueUrl"], stack.outputs["DeadLetterQueueUrl"]
    work, dead = queue_attributes(url), queue_attributes(dlq_url)
    facts.equal(
        "visibility of both queues", (work["VisibilityTimeout"], dead["VisibilityTimeout"]), ("120", "120")
    )
    retention = (work["MessageRetentionPeriod"], dead["MessageRetentionPeriod"])
    facts.equal("retention of both queues", retention, (DAYS_14, DAYS_14))
    redrive = json.loads(work["RedrivePolicy"])
    facts.equal("redrive", redrive, {"deadLetterTargetArn": stack.queue_arn("-dlq"), "maxReceiveCount": 5})
    # moto's SQS takes RedriveAllowPolicy and forgets it: this is what it was given.
    allow = values.of(values.template["Resources"]["DeadLetterQueue"]["Properties"]["RedriveAllowPolicy"])
    facts.equal(
        "redrive allow", allow, {"redrivePermission": "byQueue", "sourceQueueArns": [stack.queue_arn()]}
    )
    facts.equal("dead letters of dead letters", "RedrivePolicy" in dead, False)
    for attributes, arn in ((work, stack.queue_arn()), (dead, stack.queue_arn("-dlq"))):
        encryption = ("KmsMasterKeyId", KEY) if stack.has("KmsKeyArn") else ("SqsManagedSseEnabled", "true")
        facts.equal(f"encryption of {arn}", attributes.get(encryption[0]), encryption[1])
        facts.equal(
            f"policy of {arn}", json.loads(attributes["Policy"])["Statement"], [no_plain("sqs:*", arn)]
        )


def queue_attributes(url):
    return boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def no_plain(action, resource):
    """The statement that refuses whoever does not come over TLS."""
    return {
        "Sid": "DenyWithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def check_buckets(facts, stack):
    destination, exports = stack.bucket("Destination"), stack.bucket("Export")
    prefix = stack.parameters.get("DestinationPrefix", "")
    facts.equal("destination", stack.outputs["Destination"], f"s3://{destination}/{prefix}")
    export_prefix = stack.parameters.get("ExportPrefix", "")
    facts.equal("export place", stack.outputs["ExportPlace"], f"s3://{exports}/{export_prefix}")
    if not stack.has("DestinationBucketName"):
        once = {
            "Sid": "WriteOnce",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "NotResource": f"arn:aws:s3:::{destination}/{prefix}_backfleet/*/control.json",
            "Condition": {"Null": {"s3:if-none-match": "true"}},
        }
        check_bucket(facts, stack, destination, [once])
    if not stack.has("ExportBucketName"):
        check_bucket(facts, stack, exports, [])


def check_bucket(facts, stack, name, statements):
    s3, arn = boto3.client("s3"), f"arn:aws:s3:::{name}"
    policy = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    facts.equal(f"policy of {name}", policy, [no_plain("s3:*", [arn, arn + "/*"]), *statements])
    blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    facts.equal(f"public access to {name} blocked", sorted(blocked.values()), [True] * 4)
    owned = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    facts.equal(f"ownership in {name}", owned, [{"ObjectOwnership": "BucketOwnerEnforced"}])
    facts.equal(f"versions in {name}", s3.get_bucket_versioning(Bucket=name)["Status"], "Enabled")
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    ends = {rule["ID"]: rule.get("AbortIncompleteMultipartUpload") for rule in rules}
    facts.equal(f"uploads in {name} end", ends["AbandonedUploads"], {"DaysAfterInitiation": 7})
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    wanted = {"SSEAlgorithm": "AES256"}
    if stack.has("KmsKeyArn"):
        wanted = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    facts.equal(f"encryption of {name}", encryption["ApplyServerSideEncryptionByDefault"], wanted)


def check_roles(facts, stack, values):
    """Trust, and that moto reads the policies as template.py does, from which iam_proof.py judges them."""
    iam = boto3.client("iam")
    for logical_id, policy in (
        ("WorkerRole", "worker"),
        ("CoordinatorRole", "coordinator"),
        ("ExecutionRole", "execution"),
    ):
        name = stack.resources[logical_id]
        trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        trusted = [(one["Principal"], one["Condition"]["StringEquals"]) for one in trust]
        wanted = ({"Service": "ecs-tasks.amazonaws.com"}, {"aws:SourceAccount": ACCOUNT})
        facts.equal(f"trust of {logical_id}", trusted, [wanted])
        found = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        read = values.of(values.template["Resources"][logical_id]["Properties"]["Policies"])[0]
        facts.equal(f"policy of {logical_id}", found, read["PolicyDocument"])
        attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        facts.equal(f"further policies of {logical_id}", attached, [])


def check_scope(facts, stack):
    """What the parameters add to the roles, and that nothing of it is there without them."""
    iam = boto3.client("iam")
    worker = iam.get_role_policy(RoleName=stack.resources["WorkerRole"], PolicyName="worker")
    coordinator = iam.get_role_policy(RoleName=stack.resources["CoordinatorRole"], PolicyName="coordinator")
    of_worker, of_coordinator = statements(worker), statements(coordinator)
    for sid, parameter in (("ScanTable", "TableArn"), ("ScanIndexes", "TableArn"), ("UseKey", "KmsKeyArn")):
        facts.equal(f"worker may {sid}", sid in of_worker, stack.has(parameter))
    for sid in ("ExportTable", "DescribeExports", "ListExports", "WriteExport"):
        facts.equal(f"coordinator may {sid}", sid in of_coordinator, stack.has("TableArn"))
    facts.equal("coordinator may EnablePitr", "EnablePitr" in of_coordinator, stack.has("AllowEnablePitr"))
    for role, found in (("worker", of_worker), ("coordinator", of_coordinator)):
        keys = found.get("UseDataKeys", {}).get("Resource")
        facts.equal(f"data keys of {role}", keys, DATA_KEYS if stack.has("DataKmsKeyArns") else None)
    prefix = f"arn:aws:s3:::{stack.bucket('Destination')}/{stack.parameters.get('DestinationPrefix', '')}"
    once = of_worker["WriteDestinationOnce"]
    facts.equal(
        "worker writes",
        (once["Resource"], once["Condition"]),
        (prefix + "*", {"Null": {"s3:if-none-match": "false"}}),
    )
    replaced = of_coordinator["ReplaceControl"]["Resource"]
    facts.equal("coordinator replaces", replaced, prefix + "_backfleet/*/control.json")
    sized = of_coordinator["SizeTheFleet"]["Resource"]
    facts.equal("coordinator sizes", sized, f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{STACK}/{STACK}-worker")
    execution = iam.get_role_policy(RoleName=stack.resources["ExecutionRole"], PolicyName="execution")
    pulled = statements(execution)["PullImage"]["Resource"]
    facts.equal("images pulled from", pulled, f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/backfleet")


def statements(policy):
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


def check_all(facts, stack, network):
    values = values_of(stack)
    facts.equal("rules", values.broken_rules(), [])
    for check, *further in (
        (check_resources, values),
        (check_queues, values),
        (check_buckets,),
        (check_roles, values),
        (check_scope,),
        (fleet.check_tasks,),
        (fleet.check_service, values),
        (fleet.check_scaling,),
        (fleet.check_alarms,),
        (fleet.check_network, network),
        (fleet.check_rest,),
    ):
        with facts.asking(check.__name__):
            check(facts, stack, *further)


def values_of(stack):
    """template.py's reading of the same stack."""
    known = stack.resources | {
        "WorkQueue.Arn": stack.queue_arn(),
        "DeadLetterQueue.Arn": stack.queue_arn("-dlq"),
        "LogGroup.Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/backfleet/{STACK}:*",
    }
    pseudo = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::StackName": STACK}
    return template.Values(template.load(), stack.parameters, pseudo, known)


def check_gone(facts, before):
    """Nothing is left of the stack but the buckets it made, with their policies."""
    s3 = boto3.client("s3")
    names = [before.resources.get(name) for name in ("DestinationBucket", "ExportBucket")]
    made = sorted(filter(None, names))
    facts.equal("buckets that stay", sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]), made)
    with facts.asking("policies that stay"):
        refused = [json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"][0] for name in made]
        facts.equal("policies that stay", [one["Sid"] for one in refused], ["DenyWithoutTls"] * len(made))
    for what, found in rest().items():
        facts.equal(f"{what} left", found, [])


def rest():
    """What there is of everything that a stack is made of besides buckets."""
    ec2, ecs = boto3.client("ec2"), boto3.client("ecs")
    groups = [group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]]
    endpoints = [one["State"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]]
    targets = boto3.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")
    return {
        "queues": boto3.client("sqs").list_queues().get("QueueUrls", []),
        "roles": boto3.client("iam").list_roles()["Roles"],
        "task definitions": ecs.list_task_definitions(status="ACTIVE")["taskDefinitionArns"],
        "clusters": clusters(ecs),
        "log groups": boto3.client("logs").describe_log_groups()["logGroups"],
        "alarms": boto3.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "repositories": boto3.client("ecr").describe_repositories()["repositories"],
        "namespaces": boto3.client("servicediscovery").list_namespaces()["Namespaces"],
        "security groups": [name for name in groups if name not in ("default", "prometheus")],
        "endpoints": [state for state in endpoints if state != "deleted"],
        "scaling": targets["ScalableTargets"],
    }


def clusters(ecs):
    """Those that are not deleted; ECS deletes none that has a service."""
    arns = ecs.list_clusters()["clusterArns"]
    described = ecs.describe_clusters(clusters=arns)["clusters"] if arns else []
    return [one["clusterName"] for one in described if one["status"] == "ACTIVE"]
