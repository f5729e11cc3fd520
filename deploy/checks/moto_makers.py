"""Makes, changes and deletes each type of the template through the SDK, as CloudFormation would.

Each says why moto's own will not do. `create` gives what `Ref` gives, and what `GetAtt` gives by name. What
no scenario changes has no `update`.
"""

import json

import boto3


def camel(value):
    """As the API of ECS spells what CloudFormation spells `LikeThis`."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: camel(part) for name, part in value.items()}
    return [camel(part) for part in value] if isinstance(value, list) else value


class Queue:
    """moto leaves out RedriveAllowPolicy and updates."""

    @staticmethod
    def create(name, properties):
        url = boto3.client("sqs").create_queue(QueueName=name, Attributes=Queue.attributes(properties))[
            "QueueUrl"
        ]
        asked = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, {"Arn": asked["Attributes"]["QueueArn"], "QueueName": name}

    @staticmethod
    def update(made, properties):
        boto3.client("sqs").set_queue_attributes(
            QueueUrl=made.physical_resource_id, Attributes=Queue.attributes(properties)
        )

    @staticmethod
    def delete(made):
        boto3.client("sqs").delete_queue(QueueUrl=made.physical_resource_id)

    @staticmethod
    def attributes(properties):
        texts = {name: value for name, value in properties.items() if name != "QueueName"}
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in texts.items()}


class QueuePolicy:
    """moto has no such type."""

    @staticmethod
    def create(name, properties):
        for url in properties["Queues"]:
            policy = {"Policy": json.dumps(properties["PolicyDocument"])}
            boto3.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=policy)
        return name, {}

    @staticmethod
    def delete(made):
        """Goes with its queue."""


class Bucket:
    """moto makes nothing of it but the encryption."""

    @staticmethod
    def create(name, properties):
        s3, region = boto3.client("s3"), boto3.session.Session().region_name
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
        s3.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
        )
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=properties["OwnershipControls"])
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
        s3.put_bucket_encryption(
            Bucket=name, ServerSideEncryptionConfiguration={"Rules": Bucket.encryption(properties)}
        )
        s3.put_bucket_lifecycle_configuration(
            Bucket=name, LifecycleConfiguration={"Rules": Bucket.lifecycle(properties)}
        )
        return name, {"Arn": f"arn:aws:s3:::{name}"}

    @staticmethod
    def delete(made):
        boto3.client("s3").delete_bucket(Bucket=made.physical_resource_id)

    @staticmethod
    def encryption(properties):
        rules = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        spelled = {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}
        return [{spelled.get(name, name): value for name, value in rule.items()} for rule in rules]

    @staticmethod
    def lifecycle(properties):
        rules = properties["LifecycleConfiguration"]["Rules"]
        spelled = {"Id": "ID"}
        return [
            {"Filter": {"Prefix": ""}} | {spelled.get(name, name): value for name, value in rule.items()}
            for rule in rules
        ]


class BucketPolicy:
    """moto has no such type."""

    @staticmethod
    def create(name, properties):
        policy = json.dumps(properties["PolicyDocument"])
        boto3.client("s3").put_bucket_policy(Bucket=properties["Bucket"], Policy=policy)
        return properties["Bucket"], {}

    @staticmethod
    def delete(made):
        boto3.client("s3").delete_bucket_policy(Bucket=made.properties["Bucket"])


class Role:
    """moto keeps its policies as text of Python, with a None for every statement left out."""

    @staticmethod
    def create(name, properties):
        made = boto3.client("iam").create_role(
            RoleName=name,
            Description=properties["Description"],
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
        )["Role"]
        Role.put_policies(name, properties)
        return name, {"Arn": made["Arn"]}

    @staticmethod
    def update(made, properties):
        Role.put_policies(made.physical_resource_id, properties)

    @staticmethod
    def delete(made):
        for policy in made.properties["Policies"]:
            boto3.client("iam").delete_role_policy(
                RoleName=made.physical_resource_id, PolicyName=policy["PolicyName"]
            )
        boto3.client("iam").delete_role(RoleName=made.physical_resource_id)

    @staticmethod
    def put_policies(name, properties):
        for policy in properties["Policies"]:
            boto3.client("iam").put_role_policy(
                RoleName=name,
                PolicyName=policy["PolicyName"],
                PolicyDocument=json.dumps(policy["PolicyDocument"]),
            )


class Repository:
    """moto leaves out scanning and encryption."""

    @staticmethod
    def create(name, properties):
        given = {field: value for field, value in camel(properties).items() if field != "emptyOnDelete"}
        made = boto3.client("ecr").create_repository(**given)["repository"]
        return name, {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]}

    @staticmethod
    def delete(made):
        boto3.client("ecr").delete_repository(repositoryName=made.physical_resource_id, force=True)


class LogGroup:
    """moto loses it when it is changed."""

    @staticmethod
    def create(name, properties):
        logs = boto3.client("logs")
        key = {"kmsKeyId": properties["KmsKeyId"]} if "KmsKeyId" in properties else {}
        logs.create_log_group(logGroupName=name, **key)
        LogGroup.keep(name, properties)
        return name, {"Arn": logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["arn"]}

    @staticmethod
    def update(made, properties):
        LogGroup.keep(made.physical_resource_id, properties)

    @staticmethod
    def delete(made):
        boto3.client("logs").delete_log_group(logGroupName=made.physical_resource_id)

    @staticmethod
    def keep(name, properties):
        boto3.client("logs").put_retention_policy(
            logGroupName=name, retentionInDays=properties["RetentionInDays"]
        )


class SecurityGroup:
    """moto leaves out SecurityGroupEgress, and with it that the rule for everything goes."""

    @staticmethod
    def create(name, properties):
        ec2 = boto3.client("ec2")
        made = ec2.create_security_group(
            GroupName=name, Description=properties["GroupDescription"], VpcId=properties["VpcId"]
        )["GroupId"]
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.revoke_security_group_egress(GroupId=made, IpPermissions=[everything])
        for rule in properties["SecurityGroupEgress"]:
            ec2.authorize_security_group_egress(GroupId=made, IpPermissions=[SecurityGroup.permission(rule)])
        for rule in properties.get("SecurityGroupIngress", []):
            ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[SecurityGroup.permission(rule)])
        return made, {"GroupId": made}

    @staticmethod
    def delete(made):
        boto3.client("ec2").delete_security_group(GroupId=made.physical_resource_id)

    @staticmethod
    def permission(rule):
        permission = {field: rule[field] for field in ("IpProtocol", "FromPort", "ToPort")}
        if "CidrIp" in rule:
            return permission | {"IpRanges": [{"CidrIp": rule["CidrIp"], "Description": rule["Description"]}]}
        group = {"GroupId": rule["SourceSecurityGroupId"], "Description": rule["Description"]}
        return permission | {"UserIdGroupPairs": [group]}


class VpcEndpoint:
    """moto never deletes it."""

    @staticmethod
    def create(_, properties):
        made = boto3.client("ec2").create_vpc_endpoint(**properties)["VpcEndpoint"]
        return made["VpcEndpointId"], {}

    @staticmethod
    def delete(made):
        boto3.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[made.physical_resource_id])


class Cluster:
    """moto makes nothing of it but the name."""

    @staticmethod
    def create(name, properties):
        given = camel(properties)
        given["settings"] = given.pop("clusterSettings")
        made = boto3.client("ecs").create_cluster(**given)["cluster"]
        return made["clusterName"], {"Arn": made["clusterArn"]}

    @staticmethod
    def delete(made):
        boto3.client("ecs").delete_cluster(cluster=made.physical_resource_id)


class TaskDefinition:
    """moto leaves out CPU, roles, network mode, platform and architecture."""

    @staticmethod
    def create(_, properties):
        made = boto3.client("ecs").register_task_definition(**camel(properties))["taskDefinition"]
        return made["taskDefinitionArn"], {}

    @staticmethod
    def update(made, properties):
        TaskDefinition.delete(made)
        made.physical_resource_id, _ = TaskDefinition.create(None, properties)

    @staticmethod
    def delete(made):
        boto3.client("ecs").deregister_task_definition(taskDefinition=made.physical_resource_id)


class Service:
    """moto leaves out all but cluster, task definition and count."""

    @staticmethod
    def create(_, properties):
        made = boto3.client("ecs").create_service(**Service.given(properties))["service"]
        return made["serviceArn"], {"Name": made["serviceName"], "ServiceArn": made["serviceArn"]}

    @staticmethod
    def update(made, properties):
        given = Service.given(properties)
        boto3.client("ecs").update_service(
            cluster=given["cluster"],
            service=given["serviceName"],
            taskDefinition=given["taskDefinition"],
            desiredCount=given["desiredCount"],
        )

    @staticmethod
    def delete(made):
        given = Service.given(made.properties)
        boto3.client("ecs").delete_service(cluster=given["cluster"], service=given["serviceName"], force=True)

    @staticmethod
    def given(properties):
        # Younger than the SDK that is pinned here.
        return camel(
            {name: value for name, value in properties.items() if name != "AvailabilityZoneRebalancing"}
        )


class ScalableTarget:
    """moto has no such type."""

    @staticmethod
    def create(_, properties):
        boto3.client("application-autoscaling").register_scalable_target(**properties)
        fields = ("ResourceId", "ScalableDimension", "ServiceNamespace")
        return "|".join(properties[field] for field in fields), {}

    @staticmethod
    def update(made, properties):
        ScalableTarget.create(None, properties)

    @staticmethod
    def delete(made):
        given = {name: value for name, value in made.properties.items() if not name.endswith("Capacity")}
        boto3.client("application-autoscaling").deregister_scalable_target(**given)


class ScalingPolicy:
    """moto has no such type."""

    @staticmethod
    def create(_, properties):
        given = ScalingPolicy.given(properties)
        made = boto3.client("application-autoscaling").put_scaling_policy(**given)
        return made["PolicyARN"], {}

    @staticmethod
    def delete(made):
        given = ScalingPolicy.given(made.properties)
        fields = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")
        boto3.client("application-autoscaling").delete_scaling_policy(
            **{field: given[field] for field in fields}
        )

    @staticmethod
    def given(properties):
        resource, dimension, namespace = properties["ScalingTargetId"].split("|")
        own = {name: value for name, value in properties.items() if name != "ScalingTargetId"}
        return own | {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}


class Alarm:
    """moto has no such type."""

    @staticmethod
    def create(name, properties):
        boto3.client("cloudwatch").put_metric_alarm(AlarmName=name, **properties)
        return name, {}

    @staticmethod
    def update(made, properties):
        Alarm.create(made.physical_resource_id, properties)

    @staticmethod
    def delete(made):
        boto3.client("cloudwatch").delete_alarms(AlarmNames=[made.physical_resource_id])


class Namespace:
    """moto has no such type."""

    @staticmethod
    def create(_, properties):
        discovery = boto3.client("servicediscovery")
        asked = discovery.create_private_dns_namespace(**properties)["OperationId"]
        made = discovery.get_operation(OperationId=asked)["Operation"]["Targets"]["NAMESPACE"]
        return made, {"Id": made}

    @staticmethod
    def delete(made):
        boto3.client("servicediscovery").delete_namespace(Id=made.physical_resource_id)


class DiscoveryService:
    """moto has no such type."""

    @staticmethod
    def create(_, properties):
        made = boto3.client("servicediscovery").create_service(**properties)["Service"]
        return made["Id"], {"Arn": made["Arn"]}

    @staticmethod
    def delete(made):
        boto3.client("servicediscovery").delete_service(Id=made.physical_resource_id)
