"""What must be true of tasks, service, scaling, alarms and network of a stack."""

import boto3
from scenarios import ACCOUNT, REGION, STACK, TABLE, TOPIC


def check_tasks(facts, stack):
    worker = task_definition(stack.outputs["WorkerTaskDefinitionArn"])
    coordinator = task_definition(stack.outputs["CoordinatorTaskDefinitionArn"])
    for name, task in (("worker", worker), ("coordinator", coordinator)):
        check_task(facts, stack, name, task)
    vcpu = int(stack.parameters.get("WorkerVcpu", "2"))
    facts.equal("size of worker", (worker["cpu"], worker["memory"]), (str(1024 * vcpu), str(2048 * vcpu)))
    for task, role in ((worker, "WorkerRoleArn"), (coordinator, "CoordinatorRoleArn")):
        facts.equal(f"role of {task['family']}", task["taskRoleArn"], stack.outputs[role])
    check_worker_environment(facts, stack, worker["containerDefinitions"][0])


def task_definition(arn):
    return boto3.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]


def check_task(facts, stack, name, task):
    container = task["containerDefinitions"][0]
    platform = {"cpuArchitecture": stack.parameters["CpuArchitecture"], "operatingSystemFamily": "LINUX"}
    log = container["logConfiguration"]
    wanted = {
        "network": (task["networkMode"], "awsvpc"),
        "kind": (task["requiresCompatibilities"], ["FARGATE"]),
        "platform": (task["runtimePlatform"], platform),
        "containers": ([one["name"] for one in task["containerDefinitions"]], [name]),
        "image": (container["image"], stack.parameters["ImageUri"]),
        "program": (container["entryPoint"], ["/backfleet-worker" if name == "worker" else "/backfleet"]),
        "stop timeout": (container["stopTimeout"], 120),
        "read-only root": (container["readonlyRootFilesystem"], True),
        "user": (container["user"], "65532"),
        "capabilities": (container["linuxParameters"]["capabilities"], {"drop": ["ALL"]}),
        "ulimits": (container["ulimits"], [{"name": "nofile", "softLimit": 65536, "hardLimit": 65536}]),
        "/tmp": (
            container["mountPoints"],
            [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}],
        ),
        "volumes": ([volume["name"] for volume in task["volumes"]], ["tmp"]),
        "port": (
            [port["containerPort"] for port in container["portMappings"]],
            [9464 if name == "worker" else 9465],
        ),
        "log": ((log["logDriver"], log["options"]["mode"]), ("awslogs", "non-blocking")),
        "log group": (log["options"]["awslogs-group"], stack.outputs["LogGroupName"]),
    }
    for what, (found, expected) in wanted.items():
        facts.equal(f"{what} of {name}", found, expected)


def check_worker_environment(facts, stack, container):
    environment = {entry["name"]: entry["value"] for entry in container["environment"]}
    source = stack.outputs["ExportPlace"]
    if stack.has("TableArn"):
        source += f",dynamodb://{TABLE},dynamodb://orders"
    wanted = {
        "AWS_REGION": REGION,
        "BACKFLEET_QUEUE": stack.outputs["QueueUrl"],
        "BACKFLEET_DLQ": stack.outputs["DeadLetterQueueUrl"],
        "BACKFLEET_ALLOW_SOURCE": source,
        "BACKFLEET_ALLOW_DEST": stack.outputs["Destination"],
        "BACKFLEET_METRICS_ADDR": "0.0.0.0:9464",
        "BACKFLEET_STOP_TIMEOUT": "100",
        # Two gigabytes for each CPU.
        "BACKFLEET_MEMORY_LIMIT": str(int(stack.parameters.get("WorkerVcpu", "2")) * (2 << 30)),
    }
    facts.equal("environment of worker", environment, wanted)
    owner = stack.parameters.get("ExpectedBucketOwner", "") or ACCOUNT
    asked = [] if owner == "none" else ["--expected-bucket-owner", owner]
    facts.equal("flags of worker", container.get("command", []), asked)


def check_service(facts, stack, values):
    cluster, service = stack.outputs["EcsService"].split("/")
    facts.equal("cluster and service", (cluster, service), (STACK, f"{STACK}-worker"))
    made = boto3.client("ecs").describe_services(cluster=cluster, services=[service])["services"][0]
    facts.equal("workers to begin with", made["desiredCount"], 0)
    facts.equal("task of the service", made["taskDefinition"], stack.outputs["WorkerTaskDefinitionArn"])
    # moto's ECS takes the strategy and the deployment's configuration and forgets them: this is what it got.
    given = values.template["Resources"]["WorkerService"]["Properties"]
    strategy = values.of(given["CapacityProviderStrategy"])
    strategy = [(one["CapacityProvider"], one.get("Base", 0), one["Weight"]) for one in strategy]
    facts.equal("capacity", strategy, [("FARGATE", 1, 1), ("FARGATE_SPOT", 0, 4)])
    deployment = {
        "MinimumHealthyPercent": 50,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
    }
    facts.equal("deployment", given["DeploymentConfiguration"], deployment)
    network = made["networkConfiguration"]["awsvpcConfiguration"]
    facts.equal("subnets", network["subnets"], stack.parameters["SubnetIds"].split(","))
    facts.equal("security groups", network["securityGroups"], [stack.outputs["TaskSecurityGroupId"]])
    public = stack.parameters.get("AssignPublicIp", "DISABLED")
    facts.equal("public address", network["assignPublicIp"], public)
    said = (
        f"awsvpcConfiguration={{subnets=[{stack.parameters['SubnetIds']}],"
        f"securityGroups=[{stack.outputs['TaskSecurityGroupId']}],assignPublicIp={public}}}"
    )
    facts.equal("network of run-task", stack.outputs["RunTaskNetwork"], said)
    facts.equal(
        "registered for discovery", bool(made.get("serviceRegistries")), stack.has("DiscoveryNamespace")
    )
    providers = boto3.client("ecs").describe_clusters(clusters=[cluster])["clusters"][0]["capacityProviders"]
    facts.equal("capacity providers", providers, ["FARGATE", "FARGATE_SPOT"])


def check_scaling(facts, stack):
    scaling = boto3.client("application-autoscaling")
    target = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    bounds = [(one["ResourceId"], one["MinCapacity"], one["MaxCapacity"]) for one in target]
    most = int(stack.parameters.get("MaxWorkers", "10"))
    facts.equal("bounds of the fleet", bounds, [(f"service/{stack.outputs['EcsService']}", 0, most)])
    policies = {
        one["PolicyName"]: one
        for one in scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    }
    inward = policies[f"{STACK}-scale-in"]["StepScalingPolicyConfiguration"]
    to_zero = [{"MetricIntervalUpperBound": 0.0, "ScalingAdjustment": 0}]
    facts.equal("scale in", (inward["AdjustmentType"], inward["StepAdjustments"]), ("ExactCapacity", to_zero))
    outward = policies[f"{STACK}-scale-out"]["StepScalingPolicyConfiguration"]
    added = [step["ScalingAdjustment"] for step in outward["StepAdjustments"]]
    facts.equal("scale out", (outward["AdjustmentType"], added), ("ChangeInCapacity", [1, 5, 20, 100]))
    for alarm, policy in (("ScaleOutAlarm", "scale-out"), ("ScaleInAlarm", "scale-in")):
        actions = alarm_of(stack, alarm)["AlarmActions"]
        facts.equal(f"action of {alarm}", actions, [policies[f"{STACK}-{policy}"]["PolicyARN"]])


def check_alarms(facts, stack):
    told = [TOPIC] if stack.has("AlarmTopicArn") else []
    for name in ("DeadLettersAlarm", "WorkRetentionAlarm", "DeadLetterRetentionAlarm", "QueueStalledAlarm"):
        facts.equal(f"{name} tells", alarm_of(stack, name)["AlarmActions"], told)
    for name, queue in (
        ("DeadLettersAlarm", "-dlq"),
        ("WorkRetentionAlarm", ""),
        ("DeadLetterRetentionAlarm", "-dlq"),
    ):
        dimensions = alarm_of(stack, name)["Dimensions"]
        facts.equal(f"{name} looks at", dimensions, [{"Name": "QueueName", "Value": STACK + queue}])
    for name in ("ScaleOutAlarm", "ScaleInAlarm", "QueueStalledAlarm"):
        check_expression(facts, name, alarm_of(stack, name)["Metrics"])


def check_expression(facts, name, metrics):
    """One result, and an expression that uses every metric, each of the work queue or of the service."""
    results = [metric for metric in metrics if metric["ReturnData"]]
    facts.equal(f"results of {name}", len(results), 1)
    inputs = {
        metric["Id"]: metric["MetricStat"]["Metric"]["Dimensions"]
        for metric in metrics
        if "MetricStat" in metric
    }
    words = set(results[0]["Expression"].replace("(", " ").replace(",", " ").replace(")", " ").split())
    facts.equal(f"metrics that {name} does not use", set(inputs) - words, set())
    work = [{"Name": "QueueName", "Value": STACK}]
    service = [{"Name": "ClusterName", "Value": STACK}, {"Name": "ServiceName", "Value": f"{STACK}-worker"}]
    wanted = {key: service if key == "workers" else work for key in inputs}
    facts.equal(f"what {name} looks at", inputs, wanted)


def alarm_of(stack, logical_id):
    name = stack.resources[logical_id]
    return boto3.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def check_network(facts, stack, network):
    ec2 = boto3.client("ec2")
    group = ec2.describe_security_groups(GroupIds=[stack.outputs["TaskSecurityGroupId"]])["SecurityGroups"][0]
    facts.equal(
        "egress of tasks",
        [(rule["FromPort"], rule["ToPort"]) for rule in group["IpPermissionsEgress"]],
        [(443, 443)],
    )
    sources = {source["CidrIp"] for rule in group["IpPermissions"] for source in rule["IpRanges"]}
    sources |= {source["GroupId"] for rule in group["IpPermissions"] for source in rule["UserIdGroupPairs"]}
    given = ("MetricsSourceCidr", "MetricsSourceSecurityGroupId")
    facts.equal("who may scrape", sources, {stack.parameters[name] for name in given if stack.has(name)})
    ports = {(rule["FromPort"], rule["ToPort"]) for rule in group["IpPermissions"]}
    facts.equal("ports open", ports, {(9464, 9465)} if sources else set())
    endpoints = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])[
        "VpcEndpoints"
    ]
    found = {
        (one["ServiceName"].removeprefix(f"com.amazonaws.{REGION}."), one["VpcEndpointType"])
        for one in endpoints
    }
    facts.equal("endpoints", found, wanted_endpoints(stack))
    reached = {tuple(one["RouteTableIds"]) for one in endpoints if one["VpcEndpointType"] == "Gateway"}
    facts.equal("routes of gateways", reached, {(network.route_table,)} if endpoints else set())


def wanted_endpoints(stack):
    if not stack.has("CreateVpcEndpoints"):
        return set()
    faces = ["sqs", "ecr.api", "ecr.dkr", "logs", "ecs"] + ["kms"] * stack.has("KmsKeyArn")
    return {("s3", "Gateway"), ("dynamodb", "Gateway")} | {(name, "Interface") for name in faces}


def check_rest(facts, stack):
    """Log group, repository, discovery."""
    groups = boto3.client("logs").describe_log_groups(logGroupNamePrefix=stack.outputs["LogGroupName"])[
        "logGroups"
    ]
    days = int(stack.parameters.get("LogRetentionDays", "30"))
    facts.equal("days of logs", [group["retentionInDays"] for group in groups], [days])
    repositories = boto3.client("ecr").describe_repositories()["repositories"]
    names = [one["repositoryName"] for one in repositories]
    facts.equal("repository", names, ["team/backfleet"] if stack.has("CreateRepository") else [])
    facts.equal("tags move", [one["imageTagMutability"] for one in repositories], ["IMMUTABLE"] * len(names))
    spaces = [one["Name"] for one in boto3.client("servicediscovery").list_namespaces()["Namespaces"]]
    wanted = [stack.parameters["DiscoveryNamespace"]] if stack.has("DiscoveryNamespace") else []
    facts.equal("namespace", spaces, wanted)
    name = f"{STACK}-worker.{wanted[0]}" if wanted else None
    facts.equal("name for discovery", stack.outputs.get("DiscoveryName"), name)
